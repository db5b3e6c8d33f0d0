# Copyright (c) mmeo contributors. All rights reserved.
"""Linear layers on a CPU against torch's own."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from mmeo.models.layers import (
    MLP,
    TransformerBlock,
    linear,
    maybe_checkpoint,
    plain_scaled_linear,
    product,
    scaled_linear,
)

PLAIN = dict(enabled=False)  # of torch.backends.mkldnn.flags


@pytest.mark.parametrize('transposed', [False, True])
def test_product_equals_linear(transposed):
    x, weight, bias = torch.randn(7, 5), torch.randn(3, 5), torch.randn(3)
    if transposed:
        x, weight = torch.randn(5, 7).t(), torch.randn(5, 3).t()
    torch.testing.assert_close(product(x, weight, bias),
                               F.linear(x, weight, bias))


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('scaled', [True, False])
@pytest.mark.parametrize('gelu', [True, False])
def test_gradients_are_those_of_finite_differences(bias, scaled, gelu):
    layer = nn.Linear(4, 3, bias=bias).double()
    x = torch.randn(2, 5, 4).double().requires_grad_()
    scale = torch.randn(3).double().requires_grad_() if scaled else None
    inputs = [x, *layer.parameters()] + [scale] * scaled

    def function(*_):
        return scaled_linear(layer, x, scale, gelu)

    assert 'ScaledLinear' in function().grad_fn.name()
    torch.autograd.gradcheck(function, inputs)


@pytest.mark.parametrize('frozen', [(), ('weight', 'bias'), ('scale', ),
                                    ('x', 'weight', 'bias')])
def test_scaled_linear_equals_its_twin(frozen):
    layer, scale = nn.Linear(40, 24), nn.Parameter(torch.randn(24))
    x = torch.randn(3, 6, 40, requires_grad=True)
    named = dict(layer.named_parameters(), scale=scale, x=x)
    for name in frozen:
        named[name].requires_grad_(False)
    wanted = [value for value in named.values() if value.requires_grad]
    weight = torch.randn(3, 6, 24)
    results = []
    for function in (scaled_linear, plain_scaled_linear):
        out = function(layer, x, scale, gelu=True)
        grads = torch.autograd.grad((out * weight).sum(), wanted)
        results.append((out, *grads))
    for a, b in zip(*results):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('with_cp', [False, True])
def test_block_equals_plain_block(with_cp):
    block, x = TransformerBlock(32, 4), torch.randn(2, 9, 32)
    results = []
    for enabled in (True, False):
        with torch.backends.mkldnn.flags(enabled=enabled):
            out = maybe_checkpoint(with_cp, block, x)
            results.append((out, *torch.autograd.grad(
                out.square().sum(), list(block.parameters()))))
    for a, b in zip(*results):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def kept(module, x):
    """Distinct values kept for the backward pass, without weights."""
    found = {}
    with saved_tensors_hooks(
            lambda t: found.setdefault(t.data_ptr(), t), lambda t: t):
        module(x)
    params = {param.data_ptr() for param in module.parameters()}
    return sum(t.numel() for key, t in found.items() if key not in params)


def test_mlp_keeps_one_hidden_layer_not_two():
    mlp, x = MLP(16, 64), torch.randn(2, 50, 16)
    with torch.backends.mkldnn.flags(**PLAIN):
        plain = kept(mlp, x)
    assert plain - kept(mlp, x) == 2 * 50 * 64


def test_block_does_not_keep_its_branches():
    block, x = TransformerBlock(16, 4), torch.randn(2, 50, 16)
    with torch.backends.mkldnn.flags(**PLAIN):
        plain = kept(block, x)
    assert plain - kept(block, x) >= 2 * 50 * (64 + 2 * 16)


def test_hooks_of_the_layer_are_called():
    mlp, seen = MLP(8, 16), []
    mlp.fc2.register_forward_hook(lambda *args: seen.append(args[2]))
    out = mlp(torch.randn(2, 3, 8))
    assert len(seen) == 1 and seen[0] is out


def test_autocast_takes_torchs_own():
    mlp, x = MLP(8, 16), torch.randn(2, 3, 8)
    with torch.autocast('cpu', torch.bfloat16):
        out = mlp(x)
        expected = F.linear(F.gelu(mlp.fc1(x)), mlp.fc2.weight, mlp.fc2.bias)
    assert out.dtype == torch.bfloat16 and torch.equal(out, expected)


def test_flops_are_counted():
    mlp, x = MLP(8, 16), torch.randn(2, 3, 8)
    with FlopCounterMode(display=False) as counter:
        mlp(x)
    assert counter.get_total_flops() == 2 * 6 * 8 * 16 * 2


def test_linear_takes_maps():
    x, weight = torch.randn(2, 3, 4, 6), torch.randn(5, 6)
    torch.testing.assert_close(linear(x, weight), F.linear(x, weight))


def test_compiled_equals_eager():
    mlp, x = MLP(8, 16), torch.randn(2, 3, 8)
    compiled = torch.compile(mlp, backend='eager', fullgraph=True)
    torch.testing.assert_close(compiled(x), mlp(x))
