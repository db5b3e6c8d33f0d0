# Copyright (c) mmeo contributors. All rights reserved.
"""RSUniVLM's second stage in processes of their own: where an expert has no
sample on one of two processes it learns as on one, and a killed run goes on
to the same bits."""

import importlib.util
from pathlib import Path

import pytest
import torch
from rank_runs import curve, kill_when, start, train
from rsunivlm_toy import small_config, write_toy

from mmeo import weights
from mmeo.apis.checkpoint import read_meta

pytestmark = pytest.mark.slow
# The steps are quick: to be killed in time a run needs many.
STEPS, HALF, MANY = 6, 3, 80


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return write_toy(tmp_path_factory.mktemp('toy'))


@pytest.fixture(scope='module')
def stage1(data, tmp_path_factory) -> Path:
    """Weights to start from, as random as those of the recipe are not."""
    folder = tmp_path_factory.mktemp('stage1')
    cfg = small_config('rsunivlm-1b_stage1_1e', data, folder, 1)
    cfg.dump(folder / 'config.py')
    train(folder / 'config.py', folder / 'run', 1)
    return folder / 'run/iter_1.pth'


def write_config(folder: Path, data: Path, stage1: Path, *,
                 variant: str = 'gmoe', strategy: str = '', batch: int = 4,
                 adam: bool = False, steps: int = STEPS, **model) -> Path:
    cfg = small_config(f'rsunivlm-1b_stage2-{variant}_1e', data, folder,
                       steps, strategy, **model)
    cfg.load_from = str(stage1)
    cfg.train_dataloader.batch_size = batch
    cfg.default_hooks.checkpoint.interval = steps // 2
    cfg.optim_wrapper.optimizer.lr = 1e-3
    if not adam:
        # Its steps follow gradients closely, Adam's follow their signs.
        cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.05, momentum=0.9)
    path = folder / f'{variant}_{strategy or "plain"}_{batch}.py'
    cfg.dump(path)
    return path


def state(work_dir: Path, step: int = STEPS) -> dict[str, torch.Tensor]:
    return weights.unwrap(weights.load(work_dir / f'iter_{step}.pth'))


@pytest.fixture(scope='module', params=['gmoe', 'moe8'])
def reference(request, data, stage1, tmp_path_factory) -> tuple[str, Path]:
    """One process with the whole batch."""
    folder = tmp_path_factory.mktemp('reference')
    config = write_config(folder, data, stage1, variant=request.param)
    train(config, folder / 'run', 1)
    return request.param, folder / 'run'


@pytest.mark.parametrize('saving', [False, True])
@pytest.mark.parametrize('strategy', ['', 'ddp', 'fsdp'])
def test_expert_that_is_absent_on_one_process(reference, data, stage1,
                                              tmp_path, strategy, saving):
    """Process 0 sees only questions about whole images."""
    variant, wanted_dir = reference
    config = write_config(
        tmp_path, data, stage1, variant=variant, strategy=strategy, batch=2,
        llm=dict(gradient_checkpointing=saving))
    train(config, tmp_path / 'run', 2)
    wanted_log, log = curve(wanted_dir), curve(tmp_path / 'run')
    assert sorted(log) == list(range(1, STEPS + 1))
    for step, entry in log.items():
        assert entry['loss'] == pytest.approx(
            wanted_log[step]['loss'], abs=2e-5), step
    first, wanted = weights.unwrap(weights.load(stage1)), state(wanted_dir)
    found = state(tmp_path / 'run')
    assert found.keys() == wanted.keys()
    moved = {number: 0. for number in range(3)}
    for key, value in wanted.items():
        if '.experts.' not in key:
            if '.gate.' in key:
                torch.testing.assert_close(found[key], value, rtol=1e-3,
                                           atol=1e-5)
            else:
                assert torch.equal(found[key], first[key]), key
            continue
        head, _, tail = key.partition('experts.')
        number, _, tail = tail.partition('.')
        change = (value - first[head + tail]).abs().max().item()
        wrong = (found[key] - value).abs().max().item()
        assert wrong <= 2e-3 * change + 1e-7, (key, wrong, change)
        if int(number) in moved:
            moved[int(number)] = max(moved[int(number)], change)
    assert min(moved.values()) > 1e-4


@pytest.mark.parametrize('processes', [1, 2])
def test_killed_and_resumed_to_the_same_bits(data, stage1, tmp_path,
                                             processes):
    config = write_config(tmp_path, data, stage1, adam=True,
                          batch=4 // processes, steps=MANY)
    train(config, tmp_path / 'whole', processes)
    process = start(config, processes, '--work-dir', tmp_path / 'run')
    kill_when(process, tmp_path / f'run/iter_{MANY // 2}.pth')
    assert not (tmp_path / f'run/iter_{MANY}.pth').exists(), 'too late'
    train(config, tmp_path / 'run', processes, '--resume')
    wanted = state(tmp_path / 'whole', MANY)
    found = state(tmp_path / 'run', MANY)
    assert wanted.keys() == found.keys()
    for key in wanted:
        assert torch.equal(wanted[key], found[key]), key
    for folder in ('whole', 'run'):
        meta = read_meta(str(tmp_path / folder / f'iter_{MANY}.pth'))
        assert meta['vlm']['stage'] == 'stage2'
        assert meta['vlm']['moe'] == 'GranularityMoE'


@pytest.mark.parametrize(('strategy', 'variant'), [
    ('ddp', 'gmoe'), ('ddp', 'lora'), ('ddp', 'moe8'), ('fsdp', 'gmoe'),
    ('fsdp', 'lora'), ('fsdp', 'moe8'), ('deepspeed_zero1', 'gmoe'),
    ('deepspeed_zero1', 'lora')])
def test_bfloat16_and_resuming_under_a_strategy(data, stage1, tmp_path,
                                                strategy, variant):
    trust = ()
    if strategy == 'deepspeed_zero1':
        if importlib.util.find_spec('deepspeed') is None:
            pytest.skip('deepspeed is not installed')
        trust = ('--trust-checkpoint', )
    if variant == 'lora':
        pytest.importorskip('peft')
    config = write_config(tmp_path, data, stage1, variant=variant,
                          strategy=strategy, batch=2, adam=True)
    words = ('--cfg-options', 'optim_wrapper.dtype=bfloat16')
    train(config, tmp_path / 'run', 2, *words,
          f'train_cfg.max_iters={HALF}')
    train(config, tmp_path / 'run', 2, '--resume', *trust, *words)
    log = curve(tmp_path / 'run')
    assert sorted(log) == list(range(1, STEPS + 1))
    assert log[STEPS]['loss'] < log[1]['loss']
