# Copyright (c) mmeo contributors. All rights reserved.
"""Fused attention against its plain twin and against a loop."""

import math

import pytest
import torch

from mmeo.errors import ConfigError
from mmeo.models.layers import (
    SelfAttention,
    TransformerBlock,
    eager_attention,
    fused_attention,
)


@pytest.mark.parametrize('mask', ['none', 'bool', 'float'])
def test_fused_equals_eager(mask):
    q, k, v = (torch.randn(2, 3, n, 8, requires_grad=True)
               for n in (5, 7, 7))
    allowed = torch.rand(2, 1, 5, 7) > 0.4
    allowed[..., 0] = True
    mask = {
        'none': None,
        'bool': allowed,
        'float': torch.randn(2, 1, 5, 7)
    }[mask]
    a, b = fused_attention(q, k, v, mask), eager_attention(q, k, v, mask)
    torch.testing.assert_close(a, b)
    weight = torch.randn_like(a)
    for x, y in zip(torch.autograd.grad((a * weight).sum(), (q, k, v)),
                    torch.autograd.grad((b * weight).sum(), (q, k, v))):
        torch.testing.assert_close(x, y)


def test_eager_equals_a_loop():
    q, k, v = (torch.randn(1, 1, n, 4) for n in (3, 5, 5))
    out = eager_attention(q, k, v)[0, 0]
    for i in range(3):
        scores = [math.exp(float(q[0, 0, i] @ k[0, 0, j]) / 2)
                  for j in range(5)]
        mean = sum(s * v[0, 0, j] for j, s in enumerate(scores)) / sum(scores)
        torch.testing.assert_close(out[i], mean)


def test_self_attention_ignores_the_order_of_tokens():
    layer = SelfAttention(16, 4, qk_norm=True)
    x = torch.randn(2, 6, 16)
    order = torch.randperm(6)
    torch.testing.assert_close(layer(x)[:, order], layer(x[:, order]))


def test_layer_scale_zero_is_the_identity():
    block = TransformerBlock(16, 4, layer_scale_init=0.0)
    x = torch.randn(2, 6, 16)
    torch.testing.assert_close(block(x), x)


def test_heads_must_divide():
    with pytest.raises(ConfigError, match='num_heads=3'):
        SelfAttention(16, 3)
