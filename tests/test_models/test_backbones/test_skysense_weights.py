# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch

import mmeo
from mmeo.errors import CheckpointError

SMALL = dict(embed_dims=32, depths=(1, 1, 2, 1), head_dim=8)


def build(path=None, seed=0, prefix='', **kwargs):
    torch.manual_seed(seed)
    init = dict(type='Pretrained', checkpoint=str(path), prefix=prefix)
    model = mmeo.build('SkySenseV2', arch=SMALL, **kwargs,
                       init_cfg=init if path else None)
    if path:
        model.init_weights()
    return model.eval()


@pytest.fixture
def stored(tmp_path):
    model, path = build(), tmp_path / 'model.pth'
    torch.save({'state_dict': {f'backbone.{k}': v for k, v in
                               model.state_dict().items()}}, path)
    return model, path


def test_round_trip(stored):
    model, path = stored
    x = torch.randn(1, 10, 16, 16)
    loaded = build(path, seed=1)
    for a, b in zip(loaded(x, 's2'), model(x, 's2')):
        assert torch.equal(a, b)


def test_one_sensor_of_three(stored):
    model, path = stored
    loaded = build(path, seed=1, modalities=('s2', ), out_indices=(3, ))
    x = torch.randn(1, 10, 16, 16)
    assert torch.equal(loaded(x)[0], model(x, 's2')[3])


def test_a_new_sensor_starts_anew(stored):
    _, path = stored
    extra = dict(hr={}, landsat=dict(in_channels=7, gsd=30.))
    fresh = build(seed=1, modalities=extra)
    loaded = build(path, seed=1, modalities=extra)
    for name, param in loaded.named_parameters():
        same = torch.equal(param, fresh.get_parameter(name))
        assert same == ('landsat' in name) or param.std() < 1e-5, name


def test_another_number_of_bands_needs_a_rule(stored):
    model, path = stored
    with pytest.raises(CheckpointError, match='tokenizers.hr.*band_init'):
        build(path, modalities=dict(hr=dict(in_channels=4)))
    loaded = build(path, modalities=dict(hr=dict(in_channels=4)),
                   band_init=(0, 1, 2, 0))
    kernel = loaded.tokenizers.hr.projection.weight
    torch.testing.assert_close(
        kernel[:, 3], model.tokenizers.hr.projection.weight[:, 0] * .75)


def test_dense_blocks_fill_every_expert(stored):
    model, path = stored
    loaded = build(path, seed=1, moe=dict(num_experts=3, num_layers=2))
    dense = model.stages[3][0].mlp.fc1.weight
    experts = [p for n, p in loaded.stages[3][0].mlp.named_parameters()
               if n.endswith('weight1') or 'fc1' in n and p.dim() == 3]
    assert experts
    for expert in experts[0]:
        expert = expert if expert.shape == dense.shape else expert.t()
        assert 0 < (expert - dense).norm() < .05 * dense.norm()


def test_two_backbones_need_a_prefix(stored, tmp_path):
    model, _ = stored
    path = tmp_path / 'pretrainer.pth'
    other = build(seed=5)
    torch.save({**{f'student.backbone.{k}': v
                   for k, v in other.state_dict().items()},
                **{f'teacher.backbone.{k}': v
                   for k, v in model.state_dict().items()}}, path)
    with pytest.raises(CheckpointError, match='several'):
        build(path)
    loaded = build(path, prefix='teacher.backbone')
    for key, value in loaded.state_dict().items():
        assert torch.equal(value, model.state_dict()[key])


def test_what_does_not_fit_is_refused(stored, tmp_path):
    _, path = stored
    with pytest.raises(CheckpointError, match='not in the model.*apm_share'):
        build(path, num_prompt_tokens=0, pos='none', moe=None,
              modalities=('hr', ), out_indices=(0, 1))
