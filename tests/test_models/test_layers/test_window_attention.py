# Copyright (c) mmeo contributors. All rights reserved.
"""Ways of window attention against the one that is written out."""

import pytest
import torch
from mmpretrain.models.utils import ShiftWindowMSA, WindowMSAV2
from torch.autograd.graph import saved_tensors_hooks

from mmeo.errors import ConfigError
from mmeo.models.layers import (
    WindowAttention,
    eager_window_attention,
    fused_window_attention,
    recomputed_window_attention,
    window_recompute,
)
from mmeo.models.layers.position_bias import position_bias
from mmeo.models.layers.window_layout import (
    WindowLayout,
    fit_windows,
    merge,
    partition,
    shift_mask,
    window_kinds,
)

FAST = [fused_window_attention, recomputed_window_attention]


def inputs(layout, heads=3, dims=5, batch=2, dtype=torch.float64):
    qkv = torch.randn(batch, *layout.padded, 3 * heads * dims, dtype=dtype)
    scale = torch.rand(heads, 1, 1, dtype=dtype) * 10 + 1
    bias = torch.randn(heads, layout.tokens, layout.tokens, dtype=dtype)
    return [t.requires_grad_() for t in (qkv, scale, bias)]


@pytest.mark.parametrize('layout', [
    fit_windows(8, 12, 4, 0), fit_windows(9, 12, 4, 2),
    fit_windows(3, 12, 4, 2), fit_windows(4, 4, 4, 2, True),
    WindowLayout(6, 6, (3, 3), (1, 0))])
@pytest.mark.parametrize('function', FAST)
def test_fast_paths_equal_the_eager_one(function, layout, monkeypatch):
    # a chunk of a few windows, so that there are several
    monkeypatch.setitem(window_recompute._CHUNK, 'cpu', 3 * 4**4 * 3)
    args = inputs(layout)
    out, expected = (f(*args, layout) for f in
                     (function, eager_window_attention))
    torch.testing.assert_close(out, expected)
    weight = torch.randn_like(out)
    for a, b in zip(*(torch.autograd.grad((o * weight).sum(), args)
                      for o in (out, expected))):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('frozen', [(0, ), (1, ), (2, ), (1, 2), (0, 1)])
def test_what_is_frozen_gets_no_gradient(frozen):
    layout = fit_windows(8, 8, 4, 2)
    args = inputs(layout)
    for i in frozen:
        args[i].requires_grad_(False)
    free = [arg for arg in args if arg.requires_grad]
    grads = [torch.autograd.grad(f(*args, layout).square().sum(), free)
             for f in (recomputed_window_attention, eager_window_attention)]
    for a, b in zip(*grads):
        torch.testing.assert_close(a, b)


def test_gradients_are_those_of_finite_differences():
    layout = fit_windows(4, 4, 2, 1)
    args = inputs(layout, heads=2, dims=3, batch=1)
    torch.autograd.gradcheck(
        lambda *a: recomputed_window_attention(*a, layout), args)


def test_zero_keys_have_no_gradient_instead_of_a_huge_one():
    layout = fit_windows(4, 4, 4, 0)
    qkv, scale, bias = inputs(layout, dtype=torch.float32)
    qkv.data[:, 1, :, 15:30] = 0
    out = recomputed_window_attention(qkv, scale, bias, layout)
    torch.testing.assert_close(
        out, eager_window_attention(qkv, scale, bias, layout))
    grad, = torch.autograd.grad(out.square().sum(), qkv)
    assert (grad[:, 1, :, 15:30] == 0).all() and (grad.abs() < 1e4).all()


@pytest.mark.parametrize('size', [(8, 12), (11, 5)])
def test_partition_and_merge(size):
    layout = fit_windows(*size, 4, 2)
    x = torch.randn(2, *layout.padded, 3)
    windows = partition(x, layout)
    torch.testing.assert_close(merge(windows, layout), x)
    # the first window starts `shift` pixels from the corner
    assert torch.equal(windows[0, 0], x[0, 2, 2])


def test_masks_are_those_of_mmpretrain():
    layout = fit_windows(16, 24, 8, 4)
    expected = ShiftWindowMSA.get_attn_mask((16, 24), 8, 4)
    mask = shift_mask(layout, expected.device)
    assert torch.equal(mask, expected)
    mask = mask.view(2, 3, 64, 64)
    for row in window_kinds(layout, mask.device):
        for rows, columns, one in row:
            part = mask[rows, columns]
            assert part.numel()
            assert (part == (0 if one is None else one)).all()


def test_bias_follows_offsets():
    """A smaller window takes the middle of the table of a larger one."""
    layer = WindowAttention(6, 3)
    large, small = (position_bias(layer.cpb_mlp, window, (8, 8)).view(
        3, *window, *window) for window in ((8, 8), (3, 5)))
    torch.testing.assert_close(large[:, :3, :5, :3, :5], small)
    torch.testing.assert_close(large[:, 0, 0, 1, 3], large[:, 6, 2, 7, 5])
    assert 0 < large.min() and large.max() < 16


def kept(function, x, params=None):
    """Numbers kept for the backward pass besides parameters and input."""
    params = function.parameters() if params is None else params
    found = {}
    with saved_tensors_hooks(
            lambda t: found.setdefault(t.untyped_storage().data_ptr(), t),
            lambda t: t):
        function(x)
    known = {t.untyped_storage().data_ptr() for t in (*params, x)}
    return sum(t.untyped_storage().nbytes() // t.element_size()
               for key, t in found.items() if key not in known)


def test_only_qkv_and_the_result_are_kept():
    layer, x = WindowAttention(64, 2, shift=True), torch.randn(4, 32, 32, 64)
    tables = 225 * 600 + 4 * 2 * 64 * 64  # of the position bias
    assert kept(layer, x) < 4 * x.numel() + tables
    layer.path = 'eager'
    assert kept(layer, x) > 10 * x.numel()


def test_keeps_at_most_0_6_of_what_mmpretrain_keeps():
    theirs = ShiftWindowMSA(64, 2, 8, shift_size=4, window_msa=WindowMSAV2,
                            pretrained_window_size=(0, 0))
    ours, x = WindowAttention(64, 2, shift=True), torch.randn(2, 64, 64, 64)
    reference = kept(lambda y: theirs(y.flatten(1, 2), (64, 64)), x,
                     theirs.parameters())
    # the input counts with ours: theirs keeps a copy of it
    assert kept(ours, x) + x.numel() <= 0.6 * reference


def chosen(layer, x):
    """The path that 'auto' takes."""
    return layer._attend(layer.qkv(x)).__name__


def test_auto_takes_the_own_path_where_linear_layers_do():
    layer, x = WindowAttention(8, 2), torch.randn(1, 8, 8, 8)
    name = 'recomputed_window_attention'
    assert chosen(layer, x) == name
    with torch.backends.mkldnn.flags(enabled=False):
        assert chosen(layer, x) == 'eager_window_attention'
    with torch.autocast('cpu', torch.bfloat16):
        assert chosen(layer, x) == 'eager_window_attention'
    meta = layer.to('meta')
    assert chosen(meta, x.to('meta')) == 'fused_window_attention'
    assert meta(x.to('meta')).shape == x.shape


@pytest.mark.parametrize('path', ['auto', 'eager', 'fused', 'recompute'])
def test_autocast_to_bfloat16(path):
    torch.manual_seed(0)
    layer = WindowAttention(32, 4, shift=True, path=path)
    x = torch.randn(2, 16, 24, 32)
    results = []
    for enabled in (False, True):
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            out = layer(x)
        grads = torch.autograd.grad(out.float().square().sum(),
                                    list(layer.parameters()))
        results.append((out.float(), *grads))
    assert out.dtype == torch.bfloat16
    for a, b in zip(*results):
        assert (a - b).norm() < 0.03 * a.norm()


@pytest.mark.parametrize('path', ['auto', 'fused', 'recompute'])
def test_bfloat16_weights(path):
    torch.manual_seed(0)
    layer = WindowAttention(32, 4, shift=True, path=path)
    x = torch.randn(1, 16, 16, 32)
    expected = layer(x)
    out = layer.bfloat16()(x.bfloat16())
    out.float().sum().backward()
    assert out.dtype == layer.logit_scale.grad.dtype == torch.bfloat16
    assert (out - expected).norm() < 0.03 * expected.norm()


@pytest.mark.parametrize('path', ['eager', 'fused', 'recompute'])
def test_an_empty_batch_gives_zero_gradients(path):
    """A sensor may lack all frames of a batch."""
    layer = WindowAttention(8, 2, shift=True, path=path)
    out = layer(torch.randn(0, 9, 16, 8))
    assert out.shape == (0, 9, 16, 8)
    out.sum().backward()
    assert all((p.grad == 0).all() for p in layer.parameters())


def test_compiled_equals_eager():
    layer, x = WindowAttention(8, 2, shift=True), torch.randn(2, 10, 16, 8)
    compiled = torch.compile(layer, backend='aot_eager', fullgraph=True)
    out = compiled(x)
    torch.testing.assert_close(out, layer(x))
    grads = [torch.autograd.grad(o.square().sum(), list(layer.parameters()))
             for o in (out, layer(x))]
    for a, b in zip(*grads):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_unknown_path():
    with pytest.raises(ConfigError, match="'recompute'"):
        WindowAttention(8, 2, path='flash')
    with pytest.raises(ConfigError, match='num_heads=3'):
        WindowAttention(8, 3)
