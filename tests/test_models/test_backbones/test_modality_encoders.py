# Copyright (c) mmeo contributors. All rights reserved.
"""ModalityEncoders: routes, freezing, depths, weights; other patch sizes."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from mmeo.errors import ConfigError
from mmeo.models.backbones import ModalityEncoders, SkySenseV1
from mmeo.models.necks import ModalityFPN

SWIN = dict(embed_dims=16, depths=(2, 2, 6, 2), num_heads=(2, 4, 8, 16),
            extra_norm_every=3)
VIT = dict(embed_dims=32, depth=4, num_heads=4)
HR = dict(type='SkySenseV1', arch=SWIN, window_size=4)
S1 = dict(type='SkySenseV1', part='s1', arch=VIT, out_indices=(0, 1, 2, 3))


def build(**kwargs) -> ModalityEncoders:
    torch.manual_seed(0)
    return ModalityEncoders(dict(hr=HR, s1=S1), **kwargs)


def test_each_sensor_has_its_encoder() -> None:
    model = build().eval()
    hr, s1 = torch.randn(2, 3, 64, 96), torch.randn(1, 2, 64, 96)
    for name, x in (('hr', hr), ('s1', s1)):
        for a, b in zip(model(x, name), model.encoders[name](x)):
            torch.testing.assert_close(a, b, atol=0, rtol=0)
    assert model.out_channels == dict(hr=[16, 32, 64, 128], s1=[32] * 4)
    assert model.modalities == ('hr', 's1')
    sum(x.square().mean() for x in model(hr, 'hr')).backward()
    assert all(p.grad is None for p in model.encoders['s1'].parameters())


def test_both_feed_one_neck() -> None:
    model = build()
    neck = ModalityFPN(model.out_channels, 16)
    size = (50, 67)
    sizes = [[tuple(x.shape[-2:]) for x in neck(
        model(torch.randn(1, bands, *size), name), name, size)]
        for name, bands in (('hr', 3), ('s1', 2))]
    assert sizes[0] == sizes[1] == [(13, 17), (7, 9), (4, 5), (2, 3)]


def test_frozen_encoders_stay_as_they_are() -> None:
    model = build(frozen=('hr', )).train()
    assert not any(p.requires_grad for p in model.encoders['hr'].parameters())
    assert all(p.requires_grad for p in model.encoders['s1'].parameters())
    assert not model.encoders['hr'].training and model.encoders['s1'].training
    assert build(frozen=True).frozen == ('hr', 's1')
    assert build(frozen=False).frozen == ()


def test_depths_are_those_of_the_encoder() -> None:
    model = build()
    depth = model.get_layer_depth
    assert depth('backbone.encoders.s1.encoder.pos_embed', 'backbone.') == (
        0, 6)
    name = 'backbone.encoders.s1.encoder.layers.3.norm1.weight'
    assert depth(name, 'backbone.') == (4, 6)
    name = 'backbone.encoders.hr.encoder.stages.2.5.attn.qkv.weight'
    assert depth(name, 'backbone.') == (10, 14)
    # What is behind all encoders is behind the deepest.
    assert depth('decoder.queries', 'backbone.') == (13, 14)
    model.encoders['s1'] = nn.Sequential(nn.Conv2d(2, 4, 1))
    with pytest.raises(ConfigError, match="of 's1'.*get_layer_depth"):
        depth('backbone.encoders.s1.weight', 'backbone.')
    with pytest.raises(ConfigError, match="of 's1'.*out_channels"):
        _ = model.out_channels


def test_each_encoder_loads_its_own_file(tmp_path) -> None:
    files = {}
    for name, cfg in (('hr', HR), ('s1', S1)):
        torch.manual_seed(7)
        source = SkySenseV1(**{k: v for k, v in cfg.items() if k != 'type'})
        for p in source.parameters():
            nn.init.normal_(p)
        files[name] = source.state_dict()
        save_file(files[name], tmp_path / f'{name}.safetensors')
    model = ModalityEncoders({
        name: dict(cfg, init_cfg=dict(
            type='Pretrained', checkpoint=str(tmp_path / f'{name}.safetensors')
        )) for name, cfg in (('hr', HR), ('s1', S1))})
    model.init_weights()
    for name, state in files.items():
        for key, value in model.encoders[name].state_dict().items():
            assert torch.equal(value, state[key]), (name, key)


def test_patches_of_another_size_see_the_same_in_an_enlarged_image(
        tmp_path) -> None:
    torch.manual_seed(3)
    options = dict(part='s1', arch=VIT, out_indices=(0, 3))
    fine = SkySenseV1(**options).eval()
    for p in fine.parameters():
        nn.init.normal_(p, std=0.2)
    path = str(tmp_path / 's1.safetensors')
    save_file(fine.state_dict(), path)
    coarse = SkySenseV1(patch_size=8, init_cfg=dict(
        type='Pretrained', checkpoint=path), **options).eval()
    coarse.init_weights()
    assert coarse.encoder.pos_embed.shape == fine.encoder.pos_embed.shape

    # One patch each, so that the border of a patch is that of the image.
    patches = torch.randn(5, 2, 4, 4)
    larger = F.interpolate(patches, (8, 8), mode='bicubic',
                           align_corners=False)
    torch.testing.assert_close(
        coarse.encoder.patch_embed(larger), fine.encoder.patch_embed(patches),
        atol=1e-4, rtol=1e-4)
    # A quarter of the tokens.
    with torch.no_grad():
        assert coarse(torch.randn(1, 2, 64, 64))[0].shape[-2:] == (8, 8)


def test_bad_arguments() -> None:
    with pytest.raises(ConfigError, match='`encoders` is empty'):
        ModalityEncoders({})
    for frozen in ('hr', ('s2', ), 3):
        with pytest.raises(ConfigError, match='some of hr, s1'):
            build(frozen=frozen)
    with pytest.raises(ConfigError, match="modality='s2' has no encoder"):
        build()(torch.randn(1, 10, 32, 32), 's2')
