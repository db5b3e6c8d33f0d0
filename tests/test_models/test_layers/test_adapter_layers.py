# Copyright (c) mmeo contributors. All rights reserved.
"""Deformable attention and the adapter's parts against naive loops."""

import math

import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import MultiScaleDeformableAttention
from torch import nn

from mmeo.models.layers import (
    ConvFFN,
    Extractor,
    Injector,
    LayerNorm2d,
    MSDeformAttention,
    SpatialPriorModule,
    double_pixels,
    project_pixels,
    reference_points,
)

SHAPES = [(4, 6), (2, 3), (1, 2)]
TOKENS = sum(h * w for h, w in SHAPES)


def shake(module):
    """Random weights in place of zeros."""
    with torch.no_grad():
        for param in module.parameters():
            param.copy_(torch.randn_like(param) * 0.3)
    return module


def bilinear(grid, x, y):
    """Value of ``(h, w, D)`` at pixel position (x, y), zero outside."""
    h, w = grid.shape[:2]
    x0, y0 = math.floor(x), math.floor(y)
    out = torch.zeros(grid.shape[2])
    for i, j in ((y0, x0), (y0, x0 + 1), (y0 + 1, x0), (y0 + 1, x0 + 1)):
        if 0 <= i < h and 0 <= j < w:
            out += grid[i, j] * (1 - abs(x - j)) * (1 - abs(y - i))
    return out


def naive(attn, query, value, centres, shapes):
    """Deformable attention as the formula reads, one sample at a time."""
    length, heads, points = len(query), attn.num_heads, attn.num_points
    value = attn.value_proj(value)
    dims = value.shape[-1] // heads
    offsets = attn.sampling_offsets(query).reshape(length, heads, -1, points,
                                                   2)
    weights = attn.attention_weights(query).reshape(length, heads, -1)
    weights = weights.softmax(-1).reshape(length, heads, -1, points)
    out = torch.zeros(length, heads, dims)
    for q in range(length):
        for head in range(heads):
            start = 0
            for level, (h, w) in enumerate(shapes):
                grid = value[start:start + h * w].reshape(h, w, heads, dims)
                start += h * w
                for p in range(points):
                    dx, dy = offsets[q, head, level, p].tolist()
                    x = centres[q][0] * w + dx - 0.5
                    y = centres[q][1] * h + dy - 0.5
                    out[q, head] += weights[q, head, level, p] \
                        * bilinear(grid[:, :, head], x, y)
    return attn.output_proj(out.flatten(1))


def centres_of(shapes):
    return [((j + 0.5) / w, (i + 0.5) / h) for h, w in shapes
            for i in range(h) for j in range(w)]


@pytest.mark.parametrize('ratio', [0.5, 1.0])
def test_deformable_attention_equals_loops(ratio):
    attn = shake(MSDeformAttention(8, 2, 3, 2, ratio))
    query, value = torch.randn(2, 6, 8), torch.randn(2, TOKENS, 8)
    points = reference_points([(2, 3)], query.device)
    torch.testing.assert_close(
        points[0, :, 0], torch.tensor(centres_of([(2, 3)])))
    out = attn(query, value, points, SHAPES)
    for i in range(2):
        torch.testing.assert_close(
            out[i], naive(attn, query[i], value[i], centres_of([(2, 3)]),
                          SHAPES), atol=1e-5, rtol=1e-4)


def test_deformable_attention_equals_mmcv_module():
    ours = shake(MSDeformAttention(8, 2, 3, 2, 0.5))
    theirs = MultiScaleDeformableAttention(
        8, 2, 3, 2, dropout=0.0, batch_first=True, value_proj_ratio=0.5)
    theirs.load_state_dict(ours.state_dict())
    query, value = torch.randn(2, 6, 8), torch.randn(2, TOKENS, 8)
    points = reference_points([(2, 3)], query.device)
    expected = theirs(
        query,
        value=value,
        identity=torch.zeros(()),
        reference_points=points.expand(2, -1, 3, -1),
        spatial_shapes=torch.tensor(SHAPES),
        level_start_index=torch.tensor([0, 24, 30]))
    torch.testing.assert_close(ours(query, value, points, SHAPES), expected)


def test_injector_and_extractor_equal_loops():
    injector = shake(Injector(8, 2, 2, 0.5, 0.1))
    extractor = shake(Extractor(8, 2, 2, 0.5, 0.5, 0.0)).eval()
    x, c = torch.randn(6, 8), torch.randn(TOKENS, 8)
    out = injector(x[None], c[None], SHAPES)[0]
    expected = x + injector.gamma * naive(
        injector.attn, injector.query_norm(x), injector.feat_norm(c),
        centres_of(SHAPES[1:2]), SHAPES)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)

    out = extractor(c[None], x[None], SHAPES)[0]
    new = c + naive(extractor.attn, extractor.query_norm(c),
                    extractor.feat_norm(x), centres_of(SHAPES), SHAPES[1:2])
    new = new + extractor.ffn(extractor.ffn_norm(new)[None], SHAPES)[0]
    torch.testing.assert_close(out, new, atol=1e-5, rtol=1e-4)


def test_conv_ffn_convolves_each_map_by_itself():
    ffn = shake(ConvFFN(8, 4))
    x = torch.randn(2, TOKENS, 8)
    start, parts = 0, []
    hidden = ffn.fc1(x)
    for h, w in SHAPES:
        part = hidden[:, start:start + h * w]
        start += h * w
        part = part.reshape(2, h, w, 4).permute(0, 3, 1, 2)
        part = F.conv2d(part, ffn.dwconv.weight, ffn.dwconv.bias, padding=1,
                        groups=4)
        parts.append(part.permute(0, 2, 3, 1).reshape(2, h * w, 4))
    expected = ffn.fc2(F.gelu(torch.cat(parts, 1)))
    torch.testing.assert_close(ffn(x, SHAPES), expected)


def test_layer_norm_2d():
    layer = shake(LayerNorm2d(6))
    x = torch.randn(2, 6, 3, 4) * 5 + 2
    expected = (x - x.mean(1, keepdim=True)) / torch.sqrt(
        x.var(1, unbiased=False, keepdim=True) + 1e-6)
    expected = expected * layer.weight[:, None, None] \
        + layer.bias[:, None, None]
    torch.testing.assert_close(layer(x), expected)
    assert layer(x.bfloat16()).dtype == torch.bfloat16


def test_spatial_prior_has_the_authors_names():
    spm = SpatialPriorModule(5, 8, 16, dict(type='mmeo.LN2d'))
    names = set(spm.state_dict())
    for i in (0, 3, 6):
        assert f'stem.{i}.weight' in names and f'stem.{i}.bias' not in names
        assert f'stem.{i + 1}.bias' in names
    assert {'conv4.0.weight', 'conv4.1.weight', 'fc4.bias'} <= names
    maps = spm(torch.randn(1, 5, 64, 32))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (16, 16, 8), (16, 8, 4), (16, 4, 2), (16, 2, 1)]


@pytest.mark.parametrize('layout', [torch.contiguous_format,
                                    torch.channels_last])
@pytest.mark.parametrize('fast, conv', [
    (project_pixels, nn.Conv2d(6, 4, 1)),
    (double_pixels, nn.ConvTranspose2d(6, 4, 2, 2))])
def test_products_of_matrices_equal_convolutions(fast, conv, layout):
    results = []
    for function in (conv, lambda x: fast(conv, x)):
        torch.manual_seed(0)
        x = torch.randn(2, 6, 5, 3).to(memory_format=layout).requires_grad_()
        conv.zero_grad()
        out = function(x)
        (out * torch.randn(out.shape)).sum().backward()
        results.append((out, x.grad, conv.weight.grad.clone(),
                        conv.bias.grad.clone()))
    torch.testing.assert_close(*results)
    out = results[1][0]
    assert out.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('layout', [torch.contiguous_format,
                                    torch.channels_last])
def test_layer_norm_of_maps_keeps_the_layout(layout):
    norm = LayerNorm2d(6)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = torch.randn(2, 6, 5, 3).to(memory_format=layout)
    out = norm(x)
    assert out.is_contiguous(memory_format=layout)
    mean, var = x.mean(1, keepdim=True), x.var(1, correction=0, keepdim=True)
    expected = (x - mean) / (var + 1e-6).sqrt()
    expected = expected * norm.weight[:, None, None] \
        + norm.bias[:, None, None]
    torch.testing.assert_close(out, expected)
