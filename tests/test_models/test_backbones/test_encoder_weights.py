# Copyright (c) mmeo contributors. All rights reserved.
"""Pretrained backbone and fusion in an encoder of several sensors."""

import pytest
import torch
from safetensors.torch import save_file

import mmeo
from mmeo import weights
from mmeo.errors import CheckpointError

ARCH = dict(embed_dims=16, depths=(1, 1, 1, 1), head_dim=16)


def build(path=None, seed=0, modalities=('hr', 's2', 's1'), fusion=(),
          **init):
    torch.manual_seed(seed)
    model = mmeo.build(
        'MultiModalEncoder',
        backbone=dict(type='SkySenseV2', arch=ARCH, modalities=modalities),
        fusion=dict(dict(type='TemporalFusion', embed_dims=32, num_layers=2,
                         num_heads=2), **dict(fusion)),
        init_cfg=path and dict(
            type='Pretrained', checkpoint=str(path), **init))
    if path:
        model.init_weights()
    return model


@pytest.fixture
def stored(tmp_path):
    """A checkpoint as the pretraining writes it, and the teacher."""
    sides = dict(student=build(seed=1), teacher=build(seed=2))
    path = tmp_path / 'iter_1.pth'
    torch.save(dict(meta={}, state_dict={
        f'{side}.{k}': v for side, model in sides.items()
        for k, v in model.state_dict().items()
        if k.startswith(('backbone.', 'fusion.'))}), path)
    return sides['teacher'].state_dict(), path


def equal(model, state, skip=('mixes.', )):
    return [k for k, v in model.state_dict().items()
            if not k.startswith(skip) and not torch.equal(v, state[k])]


@pytest.mark.parametrize('prefix', ['teacher', 'teacher.'])
def test_from_the_checkpoint_itself(stored, prefix):
    state, path = stored
    assert not equal(build(path, prefix=prefix), state)


def test_from_the_extracted_file(stored, tmp_path):
    state, path = stored
    found = weights.extract_backbone(weights.load(path), fusion=True)
    out = tmp_path / 'encoder.safetensors'
    save_file({k: v.clone() for k, v in found.items()}, out)
    assert not equal(build(out), state)


def test_projections_of_other_sizes_start_anew(stored):
    state, path = stored
    fresh = build(fusion=dict(up_ratio=1))
    loaded = build(path, prefix='teacher', fusion=dict(up_ratio=1))
    keep = ('mixes.', 'fusion.projections.shared')
    assert not equal(loaded, state, keep)
    for key, value in loaded.fusion.projections.shared.state_dict().items():
        assert torch.equal(
            value, fresh.fusion.projections.shared.state_dict()[key])
    # Without HR the first sensor gives the grid.
    assert not equal(build(path, prefix='teacher', modalities=('s2', 's1')),
                     state, ('mixes.', 'fusion.projections'))


def test_what_does_not_fit_is_refused(stored, tmp_path):
    state, path = stored
    with pytest.raises(CheckpointError, match='there: student.backbone., tea'):
        build(path)
    with pytest.raises(CheckpointError, match='layers.*num_layers'):
        build(path, prefix='teacher', fusion=dict(num_layers=1))
    with pytest.raises(CheckpointError, match='cls_token.*embed_dims'):
        build(path, prefix='teacher', fusion=dict(embed_dims=16))
    alone = tmp_path / 'backbone.pth'
    torch.save({k: v for k, v in state.items()
                if k.startswith('backbone.')}, alone)
    with pytest.raises(CheckpointError, match='no fusion.*--fusion'):
        build(alone)
