# Copyright (c) mmeo contributors. All rights reserved.
"""ViTAdapter: sizes, gradients, equal results on every path."""

import pytest
import torch
from mmengine.registry import DefaultScope
from safetensors.torch import save_file

import mmeo
from mmeo.errors import ConfigError
from mmeo.models.backbones import InternViT, ViTAdapter
from mmeo.models.backbones.vit_adapter import default_indexes
from mmeo.registry import MODELS

VIT = dict(
    arch=dict(embed_dims=32, depth=4, num_heads=4, mlp_ratio=2.0), img_size=64)


def tiny(vit=None, **kwargs) -> ViTAdapter:
    torch.manual_seed(0)
    return ViTAdapter(
        vit={**VIT, **(vit or {})},
        **{**dict(num_heads=4, conv_inplane=8), **kwargs}).eval()


def awake(model: ViTAdapter) -> ViTAdapter:
    """Give the zero-initialised attention something to do."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, param in model.named_parameters():
            if 'sampling_offsets' in name or 'attention_weights' in name:
                param.add_(torch.randn_like(param) * 0.3)
    return model


def test_adapter_of_the_large_model_has_18m_parameters():
    with torch.device('meta'):
        model = ViTAdapter(vit=dict(arch='300m'))
        whole = ViTAdapter(vit=dict(arch='300m'), deform_ratio=1.0)

    def count(model):
        return sum(p.numel() for n, p in model.named_parameters()
                   if not n.startswith('vit.'))

    assert round(count(model) / 1e6, 2) == 17.99
    assert round(count(whole) / 1e6, 2) == 33.73
    assert model.interaction_indexes == [(0, 7), (8, 11), (12, 15), (16, 23)]


@pytest.mark.parametrize('vit, kwargs, size', [
    ({}, {}, (64, 96)),
    ({}, dict(in_channels=10), (32, 64)),
    (dict(with_cls_token=True), {}, (64, 64)),
    ({}, dict(out_indices=(1, 3), use_extra_extractor=False), (64, 64)),
    ({}, dict(add_vit_feature=False, norm_cfg=dict(type='BN')), (64, 64)),
    ({}, dict(out_channels=(8, 16, 24, 40)), (64, 64)),
])
def test_pyramid_and_gradients(vit, kwargs, size):
    model = awake(tiny(vit, **kwargs)).train()
    levels = kwargs.get('out_indices', (0, 1, 2, 3))
    h, w = size
    x = torch.randn(2, kwargs.get('in_channels', 3), h, w)
    outs = model(x)
    widths = list(kwargs.get('out_channels', [32] * len(levels)))
    assert [tuple(o.shape) for o in outs] == [
        (2, c, h // 4 // 2**i, w // 4 // 2**i)
        for c, i in zip(widths, levels)]
    assert model.out_channels == widths
    sum((o * torch.randn_like(o)).sum() for o in outs).backward()
    for name, param in model.named_parameters():
        assert param.grad is not None and param.grad.abs().sum() > 0, name


def test_float32_under_autocast():
    model = awake(tiny())
    x = torch.randn(1, 3, 64, 64)
    plain = model(x)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        outs = model(x)
    for a, b in zip(plain, outs):
        assert b.dtype == torch.float32
        assert (a - b).abs().mean() < 0.05


def test_a_sample_does_not_see_its_batch():
    model = awake(tiny())
    x = torch.randn(3, 3, 64, 64)
    for whole, single in zip(model(x), model(x[1:2])):
        torch.testing.assert_close(whole[1:2], single, atol=1e-5, rtol=1e-4)


def test_checkpointing_changes_nothing():
    results = []
    for with_cp in (False, True):
        model = awake(
            tiny(dict(drop_path_rate=0.3), with_cp=with_cp,
                 drop_path_rate=0.3)).train()
        assert model.vit.with_cp == with_cp
        torch.manual_seed(2)
        outs = model(torch.randn(2, 3, 64, 64))
        sum(o.square().sum() for o in outs).backward()
        results.append([o.detach() for o in outs]
                       + [p.grad for p in model.parameters()])
    for a, b in zip(*results):
        torch.testing.assert_close(a, b)


def test_injector_scale_decides_whether_the_vit_sees_the_prior():
    """With gamma 0 the ViT inside is the plain ViT."""
    model = awake(tiny())
    plain = InternViT(**VIT, patch_size=16, with_cls_token=False).eval()
    plain.load_state_dict(model.vit.state_dict())
    seen = []
    model.vit.layers[-1].register_forward_hook(
        lambda m, args, out: seen.append(out))
    x = torch.randn(1, 3, 64, 64)
    tokens = plain.forward_tokens(x)
    model(x)
    assert (seen[0] - tokens).abs().max() > 1e-3
    with torch.no_grad():
        for block in model.interactions:
            block.injector.gamma.zero_()
    model(x)
    torch.testing.assert_close(seen[1], tokens)


def test_pretrained_vit_of_patch_14(tmp_path):
    source = InternViT(**{**VIT, 'img_size': 56})
    path = str(tmp_path / 'vitp.safetensors')
    save_file(
        mmeo.weights.convert(source.state_dict(), to='original'), path)
    model = tiny(dict(init_cfg=dict(type='Pretrained', checkpoint=path)))
    before = model.spm.fc1.weight.clone()
    model.init_weights()
    torch.testing.assert_close(model.vit.layers[3].mlp.fc1.weight,
                               source.layers[3].mlp.fc1.weight)
    torch.testing.assert_close(
        model.vit.patch_embed.weight,
        mmeo.weights.resize_patch_kernel(source.patch_embed.weight, 16))
    torch.testing.assert_close(model.spm.fc1.weight, before)


def test_freeze_vit():
    model = tiny(dict(drop_path_rate=0.5), freeze_vit=True).train()
    assert not any(p.requires_grad for p in model.vit.parameters())
    assert not any(layer.training for layer in model.vit.layers)
    sum(o.sum() for o in model(torch.randn(1, 3, 32, 32))).backward()
    assert model.interactions[0].injector.gamma.grad is not None


@pytest.mark.parametrize('depth, groups', [
    (8, [(0, 1), (2, 3), (4, 5), (6, 7)]),
    (2, [(0, 0), (1, 1)]),
    (6, [(0, 1), (2, 2), (3, 3), (4, 5)]),
])
def test_default_groups_cover_all_blocks(depth, groups):
    assert default_indexes(depth) == groups


@pytest.mark.parametrize('vit, kwargs, words', [
    (dict(patch_size=14), {}, 'must be 16'),
    (dict(in_channels=4), {}, 'in_channels=3 of ViTAdapter'),
    ({}, dict(num_heads=5), 'does not divide embed_dims=32'),
    ({}, dict(num_heads=16), r'embed_dims \* deform_ratio=8'),
    ({}, dict(interaction_indexes=[[0, 1], [3, 3]]), 'without gaps'),
    ({}, dict(interaction_indexes=[[0, 1]]), 'cover'),
    ({}, dict(out_indices=(4, )), 'levels'),
    ({}, dict(out_channels=(64, 64)), 'each of the 4 levels'),
])
def test_bad_arguments(vit, kwargs, words):
    with pytest.raises(ConfigError, match=words):
        tiny(vit, **kwargs)


def test_bad_size():
    with pytest.raises(ConfigError, match='32, got 64 x 80.*pad_size_divisor'):
        tiny()(torch.zeros(1, 3, 64, 80))


def build(norm):
    return MODELS.build(
        dict(
            type='mmseg.EncoderDecoder',
            backbone=dict(
                type='mmeo.ViTAdapter',
                vit=dict(type='InternViT', **VIT),
                num_heads=4,
                conv_inplane=8),
            decode_head=dict(
                type='mmseg.UPerHead',
                in_channels=[32] * 4,
                in_index=[0, 1, 2, 3],
                channels=16,
                num_classes=3,
                norm_cfg=norm,
                loss_decode=dict(type='mmseg.CrossEntropyLoss')),
            train_cfg=dict(),
            test_cfg=dict(mode='whole')))


@pytest.mark.parametrize('scope', ['mmseg', 'mmeo'])
def test_backbone_of_an_mmseg_model(scope):
    """As a sibling's config names it, in either default scope."""
    import mmseg.models  # noqa: F401
    norm = dict(type='BN')
    with DefaultScope.overwrite_default_scope(scope):
        model = build(norm)
    model.init_weights()
    logits = model(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 3, 16, 16)
    logits.sum().backward()
    assert model.backbone.vit.pos_embed.grad is not None


def test_first_values():
    """Attention starts even, on a ring of growing radius around its point."""
    model = tiny()
    injector = model.interactions[0].injector
    assert injector.gamma.eq(0.1).all()
    attn = injector.attn
    assert attn.sampling_offsets.weight.eq(0).all()
    assert attn.attention_weights.weight.eq(0).all()
    assert attn.attention_weights.bias.eq(0).all()
    ring = attn.sampling_offsets.bias.reshape(4, 3, 4, 2).abs().amax(-1)
    torch.testing.assert_close(ring, torch.arange(1., 5).expand(4, 3, 4))
    assert 0.015 < model.interactions[0].extractor.ffn.fc1.weight.std() < 0.025
