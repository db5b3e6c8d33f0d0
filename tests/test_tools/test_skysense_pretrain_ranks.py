# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V2's pretraining through the tools: killed and resumed to the same
weights, one process or two, DDP or FSDP, and its backbone handed on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rank_runs import ROOT, curve, kill_when, start, train

from mmeo import build, weights
from mmeo.models.selfsup.text_embeddings import (
    random_table,
    read_class_names,
    save_table,
)

pytestmark = pytest.mark.slow
STEPS, HALF = 6, 3
# Without drop path nothing random is left to the number of processes.
CONFIG = """
_base_ = {bases}
data_root = '{data}'
model = dict(
    backbone=dict(
        arch=dict(embed_dims=16, depths=(1, 1, 1, 1), head_dim=16),
        drop_path_rate=0., moe={moe}),
    fusion=dict(type='TemporalFusion', embed_dims=32, num_layers=1,
                num_heads=2, drop_path_rate=0.),
    contrast=dict(
        _delete_=True, type='DINOContrast', num_prototypes=32,
        hidden_dims=32, bottleneck_dims=16),
    qsacl=dict(embed_dims=32, num_heads=2),
    ita=dict(text_embeddings=data_root + '/text.safetensors'),
    momentum=(0.9, 1.0),
    freeze_prototypes=2)
train_dataloader = dict(
    batch_size={batch}, sampler=dict(batch_size={batch}),
    dataset=dict(data_root=data_root))
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval={half}))
log_processor = dict(window_size=1)
# Its steps follow gradients closely, where Adam's follow their signs.
optim_wrapper = dict(optimizer=dict(
    _delete_=True, type='SGD', lr=0.02, momentum=0.9, weight_decay=0.04))
max_iters = {steps}
train_cfg = dict(max_iters=max_iters)
"""


@pytest.fixture(scope='module')
def data(synthearth) -> Path:
    names = read_class_names(synthearth / 'semantics.json', 1)
    save_table(synthearth / 'text.safetensors',
               random_table(len(names), 32), names, 'random')
    return synthearth


def write_config(folder: Path, data: Path, strategy: str = '',
                 batch: int = 4, steps: int = STEPS, moe=None) -> Path:
    bases = [f'{ROOT}/configs/skysense_v2/pretrain/'
             'skysense-v2-tiny_pretrain_synthearth.py']
    if strategy:
        bases.append(f'{ROOT}/configs/_base_/strategies/{strategy}.py')
    path = folder / f'{strategy or "plain"}_{batch}_{steps}.py'
    path.write_text(CONFIG.format(bases=bases, data=data, batch=batch,
                                  steps=steps, half=HALF, moe=moe))
    return path


def state(work_dir: Path, step: int = STEPS) -> dict[str, torch.Tensor]:
    return weights.unwrap(weights.load(work_dir / f'iter_{step}.pth'))


@pytest.fixture(scope='module')
def reference(data, tmp_path_factory) -> Path:
    """One process that runs through."""
    folder = tmp_path_factory.mktemp('reference')
    train(write_config(folder, data), folder / 'run', 1)
    return folder / 'run'


def test_run_moves_the_teacher(reference):
    before, after = state(reference, HALF), state(reference)
    for key, value in after.items():
        if key.startswith('teacher.') and value.numel() > 1:
            student = after['student.' + key[len('teacher.'):]]
            assert (value - before[key]).abs().max() <= (
                student - before[key]).abs().max() + 1e-6
    key = 'backbone.stages.2.0.attn.qkv.weight'
    assert not after['teacher.' + key].equal(before['teacher.' + key])
    assert not after['teacher.' + key].equal(after['student.' + key])


def test_killed_and_resumed(reference, data, tmp_path):
    config, run = write_config(tmp_path, data), tmp_path / 'run'
    process = start(config, 1, '--work-dir', run)
    kill_when(process, run / f'iter_{HALF}.pth')
    assert not (run / f'iter_{STEPS}.pth').exists(), 'killed too late'
    train(config, run, 1, '--resume')
    wanted, found = state(reference), state(run)
    assert wanted.keys() == found.keys()
    for key in wanted:
        assert torch.equal(wanted[key], found[key]), key


@pytest.mark.parametrize('strategy', [
    'ddp', 'fsdp_skysense-v2_pretrain'])
def test_two_processes_resume_and_agree(reference, data, tmp_path, strategy):
    """Prototypes are balanced, and means taken, over all processes."""
    run = tmp_path / 'run'
    half = write_config(tmp_path, data, strategy, batch=2, steps=HALF)
    words = ('--cfg-options', f'max_iters={STEPS}',
             f'train_cfg.max_iters={STEPS}')
    process = start(half, 2, '--work-dir', run, *words)
    kill_when(process, run / f'iter_{HALF}.pth')
    train(half, run, 2, '--resume', *words)
    # The log holds the first process's part of each mean.
    assert sorted(curve(run)) == list(range(1, STEPS + 1))
    wanted, found = state(reference), state(run)
    assert wanted.keys() == found.keys()
    before = state(reference, HALF)
    for key, value in wanted.items():
        moved = (value - before[key]).abs().max()
        wrong = (found[key] - value).abs().max()
        assert wrong <= 0.02 * moved + 1e-6, (key, wrong, moved)
    key = 'student.backbone.tokenizers.s1.projection.weight'
    assert (wanted[key] - before[key]).abs().max() > 1e-4


def test_experts_under_fsdp(data, tmp_path):
    config = write_config(
        tmp_path, data, 'fsdp_skysense-v2_pretrain', batch=2, steps=HALF,
        moe=dict(num_experts=2, num_layers=2))
    train(config, tmp_path / 'run', 2, '--cfg-options',
          'optim_wrapper.type=AutocastOptimWrapper',
          'model.backbone.with_cp=True')
    log = curve(tmp_path / 'run')
    assert sorted(log) == [1, 2, 3]
    assert all(entry['loss_moe'] > 0 for entry in log.values())


def test_backbone_is_handed_on(reference, tmp_path):
    source = reference / f'iter_{STEPS}.pth'
    for words, side in (((), 'teacher'), (('--side', 'student'), 'student')):
        path = tmp_path / f'{side}.safetensors'
        subprocess.run(
            [sys.executable, f'{ROOT}/tools/model_converters/'
             'extract_backbone.py', source, path, *words], check=True)
        arch = dict(embed_dims=16, depths=(1, 1, 1, 1), head_dim=16)
        backbone = build('SkySenseV2', arch=arch, init_cfg=dict(
            type='Pretrained', checkpoint=str(path)))
        backbone.init_weights()
        whole = state(reference)
        for key, value in backbone.state_dict().items():
            assert torch.equal(value, whole[f'{side}.backbone.{key}']), key
        about = weights.read_metadata(path)
        assert about['side'] == side and about['iterations'] == str(STEPS)
        found = json.loads(about['normalization'])
        assert found['s1']['unit'] == 'db'
        assert found['s1']['mean'] == [-12.548, -20.192]
