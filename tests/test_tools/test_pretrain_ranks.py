# Copyright (c) mmeo contributors. All rights reserved.
"""The quick start's pretraining, token drop on, through the tools: one loss
curve for any number of processes, killed or not, under every strategy."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from rank_runs import ROOT, curve, kill_when, start, train

from mmeo import weights

pytestmark = pytest.mark.slow
STEPS = 8
CONFIG = """
_base_ = {bases}
data_root = '{data}'
tokenizer = dict(corpus='{data}/instruct/instruct.jsonl',
                 cache='{data}/instruct/tokenizer.json')
model = dict(tokenizer=tokenizer)
train_pipeline = [
    dict(type='LoadDialogueImages'),
    dict(type='DynamicTiling', image_size=224, max_tiles=1),
    dict(type='PackDialogue', system='', tokens_per_tile=64,
         max_seq_len=2048, tokenizer=dict(
             type='ByteBPETokenizer', vocab_size=1024, **tokenizer)),
]
train_dataloader = dict(dataset=dict(
    data_root=data_root, pipeline=train_pipeline, max_rounds=2))
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=4))
log_processor = dict(window_size=1)
train_cfg = dict(max_iters={steps})
"""


def write_config(folder: Path, data: Path, strategy: str = '',
                 steps: int = STEPS) -> Path:
    bases = [f'{ROOT}/configs/quickstart/'
             'vitp-tiny_instruct-pretrain_synthearth.py']
    if strategy:
        bases.append(f'{ROOT}/configs/_base_/strategies/{strategy}.py')
    path = folder / f'{strategy or "plain"}_{steps}.py'
    path.write_text(CONFIG.format(bases=bases, data=data / 'train',
                                  steps=steps))
    return path


def losses(work_dir: Path) -> dict[int, float]:
    return {step: entry['loss'] for step, entry in curve(work_dir).items()}


def assert_same(work_dir: Path, reference: dict, tolerance=1e-6) -> None:
    found = losses(work_dir)
    assert sorted(found) == sorted(reference) == list(range(1, STEPS + 1))
    for step, loss in reference.items():
        assert found[step] == pytest.approx(loss, abs=tolerance), step


@pytest.fixture(scope='module')
def reference(synthearth, tmp_path_factory) -> dict[int, float]:
    """One process that runs through: two micro-batches of four a step."""
    folder = tmp_path_factory.mktemp('reference')
    train(write_config(folder, synthearth), folder / 'run', 1)
    found = losses(folder / 'run')
    assert found[STEPS] < found[1] - 0.5
    return found


def test_two_processes(reference, synthearth, tmp_path):
    config = write_config(tmp_path, synthearth)
    train(config, tmp_path / 'run', 2)
    assert_same(tmp_path / 'run', reference)


def test_killed_on_one_process_and_resumed_on_two(reference, synthearth,
                                                  tmp_path):
    config, run = write_config(tmp_path, synthearth), tmp_path / 'run'
    process = start(config, 1, '--work-dir', run)
    kill_when(process, run / 'iter_4.pth')
    assert not (run / f'iter_{STEPS}.pth').exists(), 'killed too late'
    train(config, run, 2, '--resume')
    assert_same(run, reference)


def test_one_micro_batch_of_eight(reference, synthearth, tmp_path):
    """Other sums of floats, the same mathematics."""
    config = write_config(tmp_path, synthearth)
    train(config, tmp_path / 'run', 1, '--cfg-options',
          'train_dataloader.batch_size=8')
    assert_same(tmp_path / 'run', reference, 1e-5)


@pytest.mark.parametrize('strategy', ['ddp', 'fsdp', 'deepspeed_zero1'])
def test_strategy_resumes_and_its_weights_are_read(
        reference, synthearth, tmp_path, strategy):
    trust = ()
    if strategy == 'deepspeed_zero1':
        if importlib.util.find_spec('deepspeed') is None:
            pytest.skip('deepspeed is not installed')
        trust = ('--trust-checkpoint', )
    run = tmp_path / 'run'
    train(write_config(tmp_path, synthearth, strategy, 4), run, 2)
    train(write_config(tmp_path, synthearth, strategy), run, 2, '--resume',
          *trust)
    assert_same(run, reference, 5e-6)
    checkpoint = run / f'iter_{STEPS}.pth'
    vit = tmp_path / 'vit.safetensors'
    subprocess.run(
        [sys.executable, f'{ROOT}/tools/model_converters/convert.py',
         checkpoint, vit, '--vision-only'], check=True)
    whole, part = weights.unwrap(weights.load(checkpoint)), weights.load(vit)
    assert len(whole) == 149 and len(part) == 116
    assert part['pos_embed'].equal(whole['vision.pos_embed'])


@pytest.mark.parametrize('strategy', ['ddp', 'fsdp', 'deepspeed_zero1'])
def test_bfloat16_with_activation_checkpointing(reference, synthearth,
                                                tmp_path, strategy):
    if strategy == 'deepspeed_zero1' and \
            importlib.util.find_spec('deepspeed') is None:
        pytest.skip('deepspeed is not installed')
    config = write_config(tmp_path, synthearth, strategy, 3)
    train(config, tmp_path / 'run', 2, '--cfg-options',
          'optim_wrapper.type=AutocastOptimWrapper',
          'model.vision.with_cp=True', 'model.llm.gradient_checkpointing=True')
    found = losses(tmp_path / 'run')
    assert sorted(found) == [1, 2, 3]
    for step, loss in found.items():
        assert loss == pytest.approx(reference[step], abs=0.02), step
        assert loss != reference[step]
