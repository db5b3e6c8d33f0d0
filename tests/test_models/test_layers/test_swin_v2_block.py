# Copyright (c) mmeo contributors. All rights reserved.
"""Swin V2 blocks against mmpretrain's on shared weights."""

import pytest
import torch
from mmpretrain.models.backbones.swin_transformer_v2 import SwinBlockV2

from mmeo.models.layers import SwinV2Block
from mmeo.models.layers.position_bias import log_offsets

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
    ours = SwinV2Block(dims, heads, window, mlp_ratio=ffn['ffn_ratio'],
                       **kwargs)
    state = {ours_from(key): value for key, value in
             theirs.state_dict().items() if not key.endswith(TABLES)}
    ours.load_state_dict(state)
    return theirs, ours


def assert_close(a, b, name, tolerance):
    """Equal within a share of the largest value."""
    scale = b.detach().abs().max().clamp(min=0.01)
    torch.testing.assert_close(a / scale, b / scale, rtol=tolerance,
                               atol=tolerance,
                               msg=lambda text: f'{name}: {text}')


def assert_equal(theirs, ours, height, width, tolerance=1e-5):
    """Results and all gradients."""
    like = ours.norm1.weight
    x = torch.randn(2, height, width, len(like), dtype=like.dtype,
                    requires_grad=True)
    y = x.detach().clone().requires_grad_()
    expected = theirs(x.flatten(1, 2), (height, width)).view_as(x)
    out = ours(y)
    assert_close(out, expected, 'result', tolerance)
    weight = torch.randn_like(out)
    (expected * weight).sum().backward()
    (out * weight).sum().backward()
    assert_close(y.grad, x.grad, 'x', tolerance)
    grads = {name: param.grad for name, param in ours.named_parameters()}
    for name, param in theirs.named_parameters():
        assert_close(grads.pop(ours_from(name)), param.grad, name, tolerance)
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
    dict(pretrained_window_size=12)])
def test_options_mean_what_they_mean_in_mmpretrain(kwargs):
    assert_equal(*pair(**kwargs), 14, 21)


@pytest.mark.parametrize('path', ['eager', 'fused', 'recompute'])
def test_all_paths_equal_mmpretrains_to_the_last_digits(path):
    """In float64, with one scale above the largest and one near it."""
    theirs, ours = pair(shift=True)
    with torch.no_grad():
        for block in (theirs.attn.w_msa, ours.attn):
            block.logit_scale[:2, 0, 0] = torch.tensor([6.0, 4.6])
    ours.attn.path = path
    theirs, ours = theirs.double(), ours.double()
    table = theirs.attn.w_msa.relative_coords_table  # made in float32
    exact = log_offsets((8, 8), (8, 8), table.device, table.dtype)[None]
    torch.testing.assert_close(table, exact, rtol=1e-6, atol=1e-6)
    table.copy_(exact)
    assert_equal(theirs, ours, 19, 24, tolerance=1e-9)


@pytest.mark.parametrize('dims,heads,count', [(352, 11, 1_498_251),
                                              (704, 22, 5_968_662)])
def test_parameters_of_the_huge_arch(dims, heads, count):
    with torch.device('meta'):
        block = SwinV2Block(dims, heads)
    assert sum(param.numel() for param in block.parameters()) == count


def test_any_size_of_map_keeps_its_size():
    block = SwinV2Block(8, 2, shift=True).eval()
    for height, width in ((1, 1), (2, 2), (3, 40), (8, 8), (40, 5)):
        x = torch.randn(1, height, width, 8)
        assert block(x).shape == x.shape


def test_a_window_as_small_as_the_map_sees_all_of_it_alike():
    """No shift, no padding: turning the map over turns the result over."""
    block = SwinV2Block(8, 2, shift=True).eval()
    block.attn.cpb_mlp[0].weight.data[:] = 0  # no sense of direction
    x = torch.randn(1, 5, 6, 8)
    torch.testing.assert_close(block(x.flip(1, 2)), block(x).flip(1, 2))


def test_drop_path_leaves_some_samples_as_they_are():
    torch.manual_seed(0)
    block = SwinV2Block(8, 2, drop_path_rate=0.7).train()
    x = torch.randn(32, 8, 8, 8)
    same = (block(x) == x).flatten(1).all(1)
    assert 0 < same.sum() < 32
    assert not (block.eval()(x) == x).flatten(1).all(1).any()
