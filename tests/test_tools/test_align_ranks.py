# Copyright (c) mmeo contributors. All rights reserved.
"""Stage 1 of SkySense-VITA through the tools: resumed, or on two processes,
to the same weights; its SAR encoder handed on to stage 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmeo import build, weights

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent
STEPS, HALF = 4, 2
ARCH = dict(embed_dims=16, depths=(1, 1, 1, 1), head_dim=16)
CONFIG = """
_base_ = '{root}/configs/skysense_vita/pretrain/\
vita-align_skysense-v2-tiny_synthearth.py'
model = dict(sar=dict(arch=dict(_delete_=True, **{arch}), init_cfg=None),
             trainable='all',
             projector=dict(_delete_=True, hidden_dims=32))
train_dataloader = dict(
    batch_size={batch}, sampler=dict(batch_size={batch}),
    dataset=dict(data_root='{data}'))
val_dataloader = dict(batch_size={batch}, dataset=dict(data_root='{data}'))
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval={half}))
log_processor = dict(window_size=1)
# Its steps follow gradients closely, where Adam's follow their signs.
optim_wrapper = dict(optimizer=dict(
    _delete_=True, type='SGD', lr=0.02, momentum=0.9, weight_decay=0.04))
train_cfg = dict(max_iters={steps}, val_interval={steps})
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    from mmeo.datasets.synthetic import make_synthearth
    out = tmp_path_factory.mktemp('synthearth')
    make_synthearth(out, num_scenes=12, size=128, seed=5, progress=False,
                    in_context=True)
    return out


def train(folder: Path, data: Path, batch: int, processes: int = 1,
          steps: int = STEPS, *words: str) -> Path:
    config = folder / f'align_{steps}.py'
    config.write_text(CONFIG.format(root=ROOT, data=data, batch=batch,
                                    arch=ARCH, half=HALF, steps=steps))
    command = [f'{ROOT}/tools/dist_train.sh', config, processes] \
        if processes > 1 else [sys.executable, f'{ROOT}/tools/train.py',
                               config]
    run = subprocess.run(
        [str(x) for x in (*command, '--work-dir', folder / 'run', *words)],
        env={**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'},
        capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    return folder / 'run'


def state(run: Path) -> dict[str, torch.Tensor]:
    return weights.unwrap(weights.load(run / f'iter_{STEPS}.pth'))


@pytest.fixture(scope='module')
def reference(data, tmp_path_factory) -> Path:
    return train(tmp_path_factory.mktemp('reference'), data, 4)


def test_resumed(reference, data, tmp_path):
    train(tmp_path, data, 4, 1, HALF)
    run = train(tmp_path, data, 4, 1, STEPS, '--resume')
    wanted, found = state(reference), state(run)
    assert wanted.keys() == found.keys()
    for key in wanted:
        assert wanted[key].equal(found[key]), key


def test_two_processes(reference, data, tmp_path):
    """Negatives of both: half the batch each is the same step."""
    run = train(tmp_path, data, 2, 2)
    start = weights.unwrap(weights.load(reference / f'iter_{HALF}.pth'))
    wanted, found = state(reference), state(run)
    moved = [key for key in wanted if not wanted[key].equal(start[key])]
    assert any(key.startswith('projector.') for key in moved)
    assert not any(key.startswith('optical.') for key in moved)
    far = max(float((wanted[k] - start[k]).abs().max()) for k in moved)
    off = {k: float((wanted[k] - found[k]).abs().max()) for k in wanted}
    assert max(off.values()) < 1e-3 * far, (far, max(off, key=off.get))


def test_handed_on(reference, tmp_path):
    """The optical encoder stayed; the SAR encoder goes into stage 2."""
    saved = state(reference)
    before = weights.unwrap(weights.load(reference / f'iter_{HALF}.pth'))
    key = 'backbone.stages.2.0.attn.qkv.weight'
    assert saved[f'optical.{key}'].equal(before[f'optical.{key}'])
    assert not saved[f'sar.{key}'].equal(before[f'sar.{key}'])
    file = tmp_path / 'sar.safetensors'
    run = subprocess.run(
        [sys.executable, f'{ROOT}/tools/model_converters/extract_backbone.py',
         str(reference / f'iter_{STEPS}.pth'), str(file), '--side', 'sar'],
        capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert 'of the sar, iteration 4' in run.stdout
    about = weights.read_metadata(file)
    assert about['side'] == 'sar'
    assert json.loads(about['normalization'])['s1']['unit'] == 'db'
    backbone = build('SkySenseV2', arch=ARCH, modalities=('hr', 's1'),
                     init_cfg=dict(type='Pretrained', checkpoint=str(file)))
    backbone.init_weights()
    assert backbone.state_dict()[key[len('backbone.'):]].equal(
        saved[f'sar.{key}'])
