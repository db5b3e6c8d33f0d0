# Copyright (c) mmeo contributors. All rights reserved.
"""SimpleFPN: shapes, independence of the levels, key names."""

import pytest
import torch

from mmeo.errors import ConfigError
from mmeo.models.necks import SimpleFPN


def maps(channels):
    return [torch.randn(2, c, 32 // 2**i, 48 // 2**i, requires_grad=True)
            for i, c in enumerate(channels)]


def test_levels_do_not_mix():
    neck = SimpleFPN([4, 8, 8, 8], out_channels=16, num_outs=6)
    inputs = maps([4, 8, 8, 8])
    outs = neck(inputs)
    assert [tuple(o.shape[1:]) for o in outs] == [
        (16, 32, 48), (16, 16, 24), (16, 8, 12), (16, 4, 6), (16, 2, 3),
        (16, 1, 2)]
    torch.testing.assert_close(outs[4], outs[3][..., ::2, ::2])
    grads = torch.autograd.grad(
        outs[1].square().sum(), inputs, allow_unused=True)
    assert [g is not None for g in grads] == [False, True, False, False]


def test_outputs_are_normalised_over_channels():
    outs = SimpleFPN([4, 4], out_channels=16, num_outs=2)(maps([4, 4]))
    for out in outs:
        torch.testing.assert_close(
            out.mean(1), torch.zeros_like(out.mean(1)), atol=1e-5, rtol=0)


def test_authors_names():
    names = set(SimpleFPN([4, 4], 8, 2).state_dict())
    assert names == {
        f'{part}.{i}.{name}'
        for part in ('lateral_convs', 'fpn_convs') for i in (0, 1)
        for name in ('conv.weight', 'ln.weight', 'ln.bias')
    }


def test_single_map_of_a_plain_vit():
    neck = SimpleFPN(16, out_channels=8)
    x = torch.randn(1, 16, 4, 6, requires_grad=True)
    outs = neck((x, ))
    assert [tuple(o.shape[1:]) for o in outs] == [
        (8, 16, 24), (8, 8, 12), (8, 4, 6), (8, 2, 3), (8, 1, 2)]
    for a, b in zip(outs, neck(x)):
        torch.testing.assert_close(a, b)
    sum(o.square().sum() for o in outs).backward()
    assert all(p.grad is not None for p in neck.parameters())


def test_bad_arguments():
    with pytest.raises(ConfigError, match='num_outs=1'):
        SimpleFPN([4, 4], num_outs=1)
    with pytest.raises(ConfigError, match='got 1 maps'):
        SimpleFPN([4, 4], 8, 2)(maps([4]))
