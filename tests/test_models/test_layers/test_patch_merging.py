# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch
from mmpretrain.models.utils import PatchMerging

from mmeo.models.layers import AdaptivePatchMerging


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return AdaptivePatchMerging(6)


@pytest.mark.parametrize('size', [(8, 8), (7, 9), (1, 4)])
def test_merge_is_mmpretrain_s(layer, size):
    reference = PatchMerging(6, 12, use_post_norm=True, norm_cfg=dict(
        type='LN'))
    reference.load_state_dict(layer.state_dict())
    x = torch.randn(2, *size, 6)
    out, shape = reference(x.flatten(1, 2), size)
    torch.testing.assert_close(
        layer(x, merge=True), out.view(2, *shape, 12), rtol=1e-5, atol=1e-5)


def test_preserve_is_the_averaged_merge(layer):
    x = torch.randn(2, 5, 3, 6)
    spread = x.repeat_interleave(2, 1).repeat_interleave(2, 2)
    expected = layer.norm(layer._merge(spread) / 4)
    torch.testing.assert_close(layer(x, merge=False), expected)


def test_both_modes_train_the_one_weight(layer):
    for merge in (True, False):
        layer.zero_grad()
        layer(torch.randn(1, 4, 4, 6), merge).sum().backward()
        assert layer.reduction.weight.grad is not None
    assert sum(p.numel() for p in layer.parameters()) == 8 * 36 + 24
