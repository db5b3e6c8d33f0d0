# Copyright (c) mmeo contributors. All rights reserved.
"""Real runs of a toy task, some killed, all through the tools."""

import json
import os
import pickle
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import load as load_pickle

from mmeo import apis
from mmeo.apis.config import set_amp
from mmeo.apis.explain import explain
from mmeo.apis.testing import _draw
from mmeo.errors import CheckpointError, ConfigError, DataError

HERE = Path(__file__).resolve().parent
TOOLS = HERE.parent.parent / 'tools'
CONFIG = HERE / 'toy_config.py'


@pytest.fixture(scope='module', autouse=True)
def _toy_importable():
    sys.path.insert(0, str(HERE))
    yield
    sys.path.remove(str(HERE))


def environment() -> dict:
    path = [str(HERE), os.environ.get('PYTHONPATH', '')]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, path)),
            'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}


def start(*words) -> subprocess.Popen:
    # A session of its own, so that signals reach nobody else; and where the
    # tests run in the background, SIGINT is ignored by inheritance.
    return subprocess.Popen(
        [str(word) for word in words], env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler))


def run(*words) -> subprocess.CompletedProcess:
    process = start(*words)
    out, err = process.communicate(timeout=240)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def config(name: str, **changes) -> Config:
    """A copy of the toy config whose experiment is named ``name``.

    mmengine shares loggers and message hubs between runs of one name.
    """
    cfg = Config.fromfile(CONFIG)
    cfg.experiment_name = name
    cfg.merge_from_dict(changes)
    return cfg


def weights(path) -> dict:
    return torch.load(path, weights_only=False)['state_dict']


def losses(work_dir: Path) -> dict[int, float]:
    """Loss by step over all runs in a folder, later runs winning."""
    found = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            if 'loss' in entry:
                found[entry['step']] = entry['loss']
    return found


def assert_same(a: dict, b: dict) -> None:
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def wait_for(path: Path, process: subprocess.Popen) -> None:
    limit = time.time() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.time() < limit, f'{path} did not appear'
        time.sleep(0.02)


@pytest.fixture(scope='module')
def reference(tmp_path_factory) -> Path:
    """The work dir of an uninterrupted run."""
    folder = tmp_path_factory.mktemp('reference')
    apis.train(config('reference'), work_dir=str(folder))
    return folder


def test_training_writes_what_it_says(reference):
    assert (reference / 'last_checkpoint').read_text().endswith(
        'iter_40.pth')
    names = sorted(path.name for path in reference.glob('*.pth*'))
    assert names == ['iter_30.pth', 'iter_40.pth']
    curve = losses(reference)
    assert set(curve) == set(range(1, 41))
    first, last = list(curve.values())[:8], list(curve.values())[-8:]
    assert sum(last) < 0.8 * sum(first)


@pytest.mark.parametrize('sent', [signal.SIGKILL, signal.SIGINT])
def test_killed_run_resumes_to_the_same_weights(reference, tmp_path, sent):
    process = start(
        sys.executable, TOOLS / 'train.py', CONFIG, '--work-dir', tmp_path,
        '--cfg-options', 'train_dataloader.dataset.delay=0.03')
    wait_for(tmp_path / 'iter_20.pth', process)
    time.sleep(0.3)
    os.killpg(process.pid, sent)
    out, err = process.communicate(timeout=120)
    assert not (tmp_path / 'iter_40.pth').exists(), 'killed too late'
    if sent == signal.SIGINT:
        assert process.returncode == 130
        assert 'Traceback' not in err
        assert 'the last checkpoint is' in err and 'iter_' in err
        assert '--resume' in err and str(CONFIG) in err
    before = losses(tmp_path)
    apis.train(config(f'resumed_{sent}'), work_dir=str(tmp_path), resume=True)
    after = {}
    newest = sorted(tmp_path.glob('*/vis_data/scalars.json'))[-1]
    for line in newest.read_text().splitlines():
        entry = json.loads(line)
        if 'loss' in entry:
            after[entry['step']] = entry['loss']
    # At most the steps since the last checkpoint, every 10, are done again.
    assert max(before) - min(after) < 10
    assert min(after) in (21, 31)
    assert losses(tmp_path) == pytest.approx(losses(reference), abs=0)
    assert_same(weights(tmp_path / 'iter_40.pth'),
                weights(reference / 'iter_40.pth'))


def test_resume_falls_back_when_the_newest_is_cut_short(
        reference, tmp_path, capfd):
    (tmp_path / 'iter_30.pth').write_bytes(
        (reference / 'iter_30.pth').read_bytes())
    whole = (reference / 'iter_40.pth').read_bytes()
    (tmp_path / 'iter_40.pth').write_bytes(whole[:len(whole) // 2])
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_40.pth'))
    apis.train(config('fallback'), work_dir=str(tmp_path), resume='auto')
    out, err = capfd.readouterr()
    assert 'iter_40.pth is truncated' in out + err
    assert_same(weights(tmp_path / 'iter_40.pth'),
                weights(reference / 'iter_40.pth'))


def test_resume_prefers_own_checkpoint_to_load_from(reference, tmp_path):
    """mmengine alone would resume from the pretrained file."""
    changes = {'train_cfg.max_iters': 31,
               'load_from': str(reference / 'iter_40.pth')}
    (tmp_path / 'iter_30.pth').write_bytes(
        (reference / 'iter_30.pth').read_bytes())
    runner = apis.train(config('own', **changes), work_dir=str(tmp_path),
                        resume=True)
    assert set(losses(tmp_path)) == {31}
    assert runner.iter == 31


def test_resume_keeps_the_drawn_seed(reference, tmp_path):
    """Without a seed in the config the order of samples must not change."""
    (tmp_path / 'iter_30.pth').write_bytes(
        (reference / 'iter_30.pth').read_bytes())
    cfg = config('seedless')
    cfg.pop('randomness')
    apis.train(cfg, work_dir=str(tmp_path), resume=True)
    assert_same(weights(tmp_path / 'iter_40.pth'),
                weights(reference / 'iter_40.pth'))


def test_test_tool_metrics_and_predictions(reference, tmp_path):
    out = tmp_path / 'new' / 'predictions.pkl'
    metrics = apis.test(config('test'), str(reference / 'iter_40.pth'),
                        work_dir=str(tmp_path), out=str(out))
    written = json.loads((tmp_path / 'test_metrics.json').read_text())
    assert written['metrics'] == pytest.approx(metrics)
    assert written['checkpoint'].endswith('iter_40.pth')
    predictions = load_pickle(out)
    mean = sum(p['error'] for p in predictions) / len(predictions)
    assert len(predictions) == 16
    assert mean == pytest.approx(metrics['toy/error'])


def test_two_processes_on_a_cpu_agree(tmp_path):
    result = run(TOOLS / 'dist_train.sh', CONFIG, 2, '--work-dir', tmp_path,
                 '--cfg-options', 'train_cfg.max_iters=10',
                 'custom_hooks.0.type=SaveRankHook')
    assert result.returncode == 0, result.stderr
    ranks = [weights(tmp_path / f'rank_{i}.pth') for i in range(2)]
    assert_same(*ranks)
    saved = [torch.load(tmp_path / f'rank_{i}.pth')['seen'] for i in range(2)]
    # Each sees half of every batch, and not the same half.
    assert len(saved[0]) == len(saved[1]) == 40
    assert saved[0] != saved[1]


def test_error_in_a_process_is_one_message(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(
        'from mmeo.apis.run import run_main\n'
        'from mmeo.errors import DataError\n'
        'def main():\n'
        "    raise DataError('toy/0003.png is truncated; copy it again.')\n"
        'run_main(main)\n')
    result = run(sys.executable, '-m', 'mmeo.apis.launch', 2, script)
    assert result.returncode == 2
    assert result.stderr.count('error:') == 1
    assert 'error: toy/0003.png is truncated; copy it again.' in result.stderr
    assert 'Traceback' not in result.stderr


def test_error_in_a_worker_is_explained(tmp_path):
    cfg = config('broken', **{'train_dataloader.dataset.broken': 3,
                              'train_dataloader.num_workers': 1})
    with pytest.raises(DataError) as caught:
        apis.train(cfg, work_dir=str(tmp_path))
    assert explain(caught.value) == (
        'toy/0003.png is truncated; copy it again.')


def test_wrong_shape_stops(reference, tmp_path):
    cfg = config('shape', **{'model.width': 6})
    with pytest.raises(CheckpointError) as caught:
        apis.test(cfg, str(reference / 'iter_40.pth'), work_dir=str(tmp_path))
    message = str(caught.value)
    assert 'iter_40.pth' in message
    assert 'body.weight: (8, 4) in the file, (6, 4) in the model' in message
    assert 'load_exclude' in message


def test_wrong_shape_left_out_on_purpose(reference, tmp_path):
    cfg = config('exclude', **{
        'train_cfg.max_iters': 1, 'load_exclude': [r'^head\.'],
        'load_from': str(reference / 'iter_40.pth')})
    runner = apis.train(cfg, work_dir=str(tmp_path))
    trained = weights(reference / 'iter_40.pth')
    moved = (runner.model.body.weight - trained['body.weight']).abs().max()
    assert moved < 0.02  # one step of AdamW at 1e-2 from the loaded weight
    gap = (runner.model.head.weight - trained['head.weight']).abs().max()
    assert gap > 0.02


def test_foreign_checkpoints_stop(reference, tmp_path):
    foreign = tmp_path / 'foreign.pth'
    torch.save({'stem.weight': torch.zeros(2)}, foreign)
    with pytest.raises(CheckpointError, match='none of its 1 keys'):
        apis.test(config('foreign'), str(foreign), work_dir=str(tmp_path))
    partial = tmp_path / 'partial.pth'
    state = weights(reference / 'iter_40.pth')
    del state['head.bias']
    torch.save(state, partial)
    with pytest.raises(CheckpointError, match='lacks 1 of .*head.bias'):
        apis.test(config('partial'), str(partial), work_dir=str(tmp_path))
    hostile = tmp_path / 'hostile.pth'
    with open(hostile, 'wb') as file:
        pickle.dump(dict(state_dict=Bomb()), file)
    with pytest.raises(CheckpointError, match='hostile.pth'):
        apis.test(config('hostile'), str(hostile), work_dir=str(tmp_path))
    assert not Bomb.exploded


class Bomb:
    exploded = False

    def __reduce__(self):
        return _explode, ()


def _explode() -> dict:
    Bomb.exploded = True
    return {}


def test_auto_scale_lr(tmp_path):
    with pytest.raises(ConfigError, match='base_batch_size'):
        apis.train(config('no_base'), work_dir=str(tmp_path),
                   auto_scale_lr=True)
    cfg = config('scaled', **{'auto_scale_lr.base_batch_size': 2,
                              'train_cfg.max_iters': 1})
    runner = apis.train(cfg, work_dir=str(tmp_path), auto_scale_lr=True)
    initial = runner.optim_wrapper.optimizer.param_groups[0]['initial_lr']
    assert initial == pytest.approx(2e-2)


def test_amp_needs_a_gpu(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    with pytest.raises(ConfigError, match='needs a GPU'):
        set_amp(config('amp'))


@pytest.mark.parametrize('dtype, bf16, expected, scale', [
    (None, True, 'bfloat16', dict(enabled=False)),
    (None, False, 'float16', 'dynamic'),
    ('fp16', True, 'float16', 'dynamic'),
])
def test_amp_settings(monkeypatch, dtype, bf16, expected, scale):
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setattr('torch.cuda.is_bf16_supported', lambda: bf16)
    cfg = config('amp')
    set_amp(cfg, dtype)
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    assert cfg.optim_wrapper.dtype == expected
    assert cfg.optim_wrapper.loss_scale == scale
    cfg.optim_wrapper.type = 'mmeo.Other'
    with pytest.raises(ConfigError, match='mmeo.Other'):
        set_amp(cfg)


def test_amp_of_a_config_with_its_own_precision(monkeypatch, repo_root):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    path = repo_root / 'configs/_base_/schedules/vitp_pretrain_8k.py'
    cfg = Config.fromfile(path)
    before = cfg.optim_wrapper.to_dict()
    assert before['dtype'] == 'bfloat16'
    for dtype in (None, 'bf16'):
        set_amp(cfg, dtype)
        assert cfg.optim_wrapper.to_dict() == before
    cfg.optim_wrapper.dtype = None
    set_amp(cfg)
    assert cfg.optim_wrapper.to_dict() == before
    with pytest.raises(ConfigError, match='needs a GPU'):
        set_amp(cfg, 'fp16')
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    set_amp(cfg, 'fp16')
    assert (cfg.optim_wrapper.type, cfg.optim_wrapper.dtype,
            cfg.optim_wrapper.loss_scale) == (
                'AmpOptimWrapper', 'float16', 'dynamic')


def test_show_dir_turns_on_the_hook(tmp_path):
    cfg = config('show')
    with pytest.raises(ConfigError, match='visualization'):
        apis.test(cfg, None, work_dir=str(tmp_path), show_dir='x')
    cfg.default_hooks.visualization = dict(type='GeoVisualizationHook')
    cfg.work_dir = str(tmp_path)
    _draw(cfg, False, 'x', 2.)
    assert cfg.default_hooks.visualization == dict(
        type='GeoVisualizationHook', draw=True,
        test_out_dir=str(tmp_path / 'x'))
    cfg.default_hooks.visualization = dict(type='mmseg.SegVisualizationHook')
    _draw(cfg, True, str(tmp_path / 'x'), 2.)
    assert cfg.default_hooks.visualization['show']
    assert cfg.visualizer.save_dir == str(tmp_path / 'x')


def test_unknown_component_on_the_command_line(tmp_path, monkeypatch,
                                               capsys):
    monkeypatch.setattr('sys.argv', [
        'train.py', str(CONFIG), '--work-dir', str(tmp_path),
        '--cfg-options', 'model.type=ToyModle', 'experiment_name=typo'])
    with pytest.raises(SystemExit) as info:
        runpy.run_path(str(TOOLS / 'train.py'), run_name='__main__')
    assert info.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: the config asks for a model of type "
                            "'ToyModle'")
    assert "Did you mean 'ToyModel'" in error
