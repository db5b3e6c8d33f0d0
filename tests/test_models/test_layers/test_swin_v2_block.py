# Copyright (c) mmeo contributors. All rights reserved.
"""Swin V2 blocks against mmpretrain's on shared weights."""

import pytest
import torch
from mmpretrain.models.backbones.swin_transformer_v2 import SwinBlockV2

from mmeo.models.layers import SwinV2Block

RENAMED = (('attn.w_msa.', 'attn.'), ('ffn.layers.0.0.', 'mlp.fc1.'),
           ('ffn.layers.1.', 'mlp.fc2.'))
TABLES = ('relative_coords_table', 'relative_position_index')


def ours_from(name):
    """Our name of one of mmpretrain's parameters."""
    for old, new in RENAMED:
        name = name.replace(old, new)
    return name


def pair(heads=3, dims=12, window=8, **kwargs):
    """mmpretrain's block and ours, same random weights."""
    torch.manual_seed(0)
    ffn = {'ffn_ratio': kwargs.pop('mlp_ratio', 4.0)}
    theirs = SwinBlockV2(dims, heads, window, **kwargs, **ffn)
    with torch.no_grad():
        for param in theirs.parameters():
            param.add_(torch.randn_like(param) * 0.2)
        theirs.attn.w_msa.logit_scale[0] = 6.0  # above the largest
    ours = SwinV2Block(dims, heads, window, mlp_ratio=ffn['ffn_ratio'],
                       **kwargs)
    state = {ours_from(key): value for key, value in
             theirs.state_dict().items() if not key.endswith(TABLES)}
    ours.load_state_dict(state)
    return theirs, ours


def assert_close(a, b, name):
    """Equal within 1e-5 of the largest value."""
    scale = b.detach().abs().max().clamp(min=0.01)
    torch.testing.assert_close(a / scale, b / scale, rtol=1e-5, atol=1e-5,
                               msg=lambda text: f'{name}: {text}')


def assert_equal(theirs, ours, height, width, batch=2):
    """Results and all gradients."""
    dims = ours.norm1.normalized_shape[0]
    x = torch.randn(batch, height, width, dims, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    expected = theirs(x.flatten(1, 2), (height, width)).view_as(x)
    out = ours(y)
    assert_close(out, expected, 'result')
    weight = torch.randn_like(out)
    (expected * weight).sum().backward()
    (out * weight).sum().backward()
    assert_close(y.grad, x.grad, 'x')
    grads = {name: param.grad for name, param in ours.named_parameters()}
    for name, param in theirs.named_parameters():
        assert_close(grads.pop(ours_from(name)), param.grad, name)
    assert not grads


@pytest.mark.parametrize('shift', [False, True])
@pytest.mark.parametrize('size', [(16, 16), (24, 16), (17, 30), (9, 9)])
def test_block_equals_mmpretrains(shift, size):
    assert_equal(*pair(shift=shift), *size)


@pytest.mark.parametrize('shift', [False, True])
@pytest.mark.parametrize('size', [(8, 8), (5, 5), (3, 20), (8, 24), (1, 1)])
def test_small_maps_are_padded_on_request(shift, size):
    assert_equal(*pair(shift=shift, pad_small_map=True), *size)


@pytest.mark.parametrize('kwargs', [
    dict(extra_norm=True), dict(mlp_ratio=2.0), dict(window=7),
    dict(pretrained_window_size=12), dict(with_cp=True, shift=True)])
def test_options_mean_what_they_mean_in_mmpretrain(kwargs):
    assert_equal(*pair(**kwargs), 14, 21)
