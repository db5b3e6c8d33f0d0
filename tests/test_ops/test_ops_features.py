# Copyright (c) mmeo contributors. All rights reserved.
"""Feature and loss ops of the stand-in against plain loops and gradcheck."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck
from torch.testing import assert_close


def bilinear(plane, y, x):
    """One sample, written as its definition. plane: (C, H, W)."""
    height, width = plane.shape[1:]
    if y < -1 or y > height or x < -1 or x > width:
        return torch.zeros_like(plane[:, 0, 0])
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    ly, lx = y - y0, x - x0
    return ((1 - ly) * (1 - lx) * plane[:, y0, x0] +
            (1 - ly) * lx * plane[:, y0, x1] +
            ly * (1 - lx) * plane[:, y1, x0] + ly * lx * plane[:, y1, x1])


def loop_roi_align_rotated(feature, rois, size, scale, ratio, aligned,
                           clockwise):
    out = feature.new_zeros(len(rois), feature.size(1), *size)
    for n, roi in enumerate(rois.tolist()):
        shift = 0.5 if aligned else 0
        cx, cy = roi[1] * scale - shift, roi[2] * scale - shift
        w, h = roi[3] * scale, roi[4] * scale
        if not aligned:
            w, h = max(w, 1), max(h, 1)
        angle = -roi[5] if clockwise else roi[5]
        rows = ratio or math.ceil(h / size[0])
        cols = ratio or math.ceil(w / size[1])
        for i in range(size[0]):
            for j in range(size[1]):
                total = 0
                for k in range(rows):
                    for m in range(cols):
                        yy = (i + (k + 0.5) / rows) * h / size[0] - h / 2
                        xx = (j + (m + 0.5) / cols) * w / size[1] - w / 2
                        y = yy * math.cos(angle) - xx * math.sin(angle) + cy
                        x = yy * math.sin(angle) + xx * math.cos(angle) + cx
                        total = total + bilinear(feature[int(roi[0])], y, x)
                out[n, :, i, j] = total / max(rows * cols, 1)
    return out


ROIS = torch.tensor([[0, 20.0, 18, 30, 12, 0.4], [1, 3, 4, 20, 20, -2.0],
                     [1, 40, 30, 50, 9, 8.0], [0, 25, 25, 1, 60, 0]])


@pytest.mark.parametrize('clockwise', [False, True])
@pytest.mark.parametrize('aligned', [False, True])
@pytest.mark.parametrize('ratio', [0, 2])
def test_roi_align_rotated_is_its_definition(mmcv_standin, ratio, aligned,
                                             clockwise):
    feature = torch.randn(2, 3, 12, 13).double()
    args = (ROIS.double(), (3, 2), 0.25, ratio, aligned, clockwise)
    assert_close(mmcv_standin.roi_align_rotated(feature, *args),
                 loop_roi_align_rotated(feature, *args))


def test_roi_align_rotated_by_zero_is_roi_align(mmcv_standin):
    feature = torch.randn(2, 4, 16, 16)
    center, size = torch.rand(9, 2) * 60, torch.rand(9, 2) * 30 + 2
    image = torch.randint(0, 2, (9, 1))
    upright = torch.cat([image, center - size / 2, center + size / 2], 1)
    rotated = torch.cat([image, center, size, torch.zeros(9, 1)], 1)
    assert_close(
        mmcv_standin.roi_align(feature, upright, 5, 0.25, 2, 'avg', True),
        mmcv_standin.roi_align_rotated(feature, rotated, 5, 0.25, 2, True,
                                       False), atol=1e-4, rtol=1e-4)


def test_turning_image_and_region_turns_nothing_in_the_bins(mmcv_standin):
    feature = torch.randn(1, 3, 16, 16)
    roi = torch.tensor([[0, 30.0, 22, 24, 12, 0.3]])
    # a quarter turn maps pixel (y, x) to (x, 15 - y); in the image, with
    # pixel centres at half integers and stride 4, (y, x) to (x, 64 - y)
    turned = feature.transpose(2, 3).flip(3)
    moved = torch.tensor([[0, 64 - 22.0, 30, 24, 12, 0.3 + math.pi / 2]])
    args = (4, 0.25, 2, True, True)
    assert_close(mmcv_standin.roi_align_rotated(feature, roi, *args),
                 mmcv_standin.roi_align_rotated(turned, moved, *args),
                 atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('ratio', [0, 2])
def test_gradcheck_of_region_ops(mmcv_standin, ratio):
    feature = torch.randn(2, 2, 8, 9).double().requires_grad_()
    rois = ROIS.double()
    upright = torch.tensor([[0, 4.0, 5, 30, 20], [1, 0, 0, 12, 30]]).double()
    assert gradcheck(lambda f: mmcv_standin.roi_align_rotated(
        f, rois, 3, 0.25, ratio, True, True), feature)
    for mode in ('avg', 'max'):
        assert gradcheck(lambda f, mode=mode: mmcv_standin.roi_align(
            f, upright, 3, 0.25, ratio, mode, True), feature)
    assert gradcheck(lambda f: mmcv_standin.roi_pool(f, upright, 3, 0.25),
                     feature)


def loop_roi_pool(feature, rois, size, scale):
    height, width = feature.shape[2:]
    out = feature.new_zeros(len(rois), feature.size(1), *size)
    for n, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        x1, y1, w, h = x1 * scale, y1 * scale, (x2 + 1 - x1) * scale, \
            (y2 + 1 - y1) * scale
        for i in range(size[0]):
            for j in range(size[1]):
                top = max(math.floor(y1 + i * h / size[0]), 0)
                low = min(math.ceil(y1 + (i + 1) * h / size[0]), height)
                left = max(math.floor(x1 + j * w / size[1]), 0)
                right = min(math.ceil(x1 + (j + 1) * w / size[1]), width)
                if h > 0 and w > 0 and low > top and right > left:
                    part = feature[int(image), :, top:low, left:right]
                    out[n, :, i, j] = part.amax((1, 2))
    return out


def test_roi_pool_is_its_definition(mmcv_standin):
    feature = torch.randn(2, 3, 12, 13).double()
    rois = torch.tensor([[0, 4.3, 5, 30, 20], [1, -20, -9, 12, 90],
                         [1, 200, 200, 210, 210], [0, 20, 20, 5, 5]]).double()
    assert_close(mmcv_standin.roi_pool(feature, rois, (3, 2), 0.25),
                 loop_roi_pool(feature, rois, (3, 2), 0.25))


@pytest.mark.parametrize('op', ['roi_align', 'roi_align_rotated',
                                'roi_pool'])
def test_no_regions(mmcv_standin, op):
    feature = torch.randn(1, 3, 8, 8, requires_grad=True)
    rois = torch.zeros(0, 6 if op == 'roi_align_rotated' else 5)
    out = getattr(mmcv_standin, op)(feature, rois, 7, 0.25)
    assert out.shape == (0, 3, 7, 7)
    out.sum().backward()
    assert (feature.grad == 0).all()


def test_bins_without_samples_are_zero(mmcv_standin):
    feature = torch.rand(1, 3, 8, 8, requires_grad=True)
    flat = torch.tensor([[0, 5.0, 5, 5, 5]])
    line = torch.tensor([[0, 5.0, 5, 0, 0, 0.3]])
    outs = [mmcv_standin.roi_align(feature, flat, 2, 1.0, 0, mode, True)
            for mode in ('avg', 'max')]
    outs.append(mmcv_standin.roi_align_rotated(feature, line, 2, 1.0, 0))
    for out in outs:
        assert (out == 0).all()
    sum(out.sum() for out in outs).backward()
    assert (feature.grad == 0).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_features(mmcv_standin, dtype):
    feature = torch.randn(2, 4, 12, 12)
    leaf = feature.to(dtype).requires_grad_()
    out = mmcv_standin.roi_align_rotated(leaf, ROIS.to(dtype), 3, 0.25, 2)
    expected = mmcv_standin.roi_align_rotated(
        leaf.detach().float(), ROIS.to(dtype).float(), 3, 0.25, 2)
    assert_close(out.float(), expected, atol=2e-2, rtol=2e-2)
    out.sum().backward()
    assert leaf.grad.isfinite().all()


def attention_inputs(dtype=torch.float64):
    shapes = torch.tensor([[6, 5], [3, 4]])
    value = torch.randn(2, 42, 2, 4, dtype=dtype)
    locations = torch.rand(2, 7, 2, 2, 3, 2, dtype=dtype) * 1.4 - 0.2
    weights = torch.rand(2, 7, 2, 2, 3, dtype=dtype)
    return value, shapes, torch.tensor([0, 30]), locations, weights


def test_deformable_attention_is_its_definition(mmcv_standin):
    from mmcv.ops.multi_scale_deform_attn import (
        MultiScaleDeformableAttnFunction,
    )
    value, shapes, starts, locations, weights = attention_inputs()
    got = MultiScaleDeformableAttnFunction.apply(value, shapes, starts,
                                                 locations, weights, 64)
    expected = torch.zeros(2, 7, 2, 4).double()
    for level, (height, width) in enumerate(shapes.tolist()):
        start = starts[level]
        for b in range(2):
            for h in range(2):
                plane = value[b, start:start + height * width, h]
                plane = plane.T.reshape(4, height, width)
                # zeros all round, as the op sees the outside of the map
                plane = F.pad(plane, (2, 2, 2, 2))
                for q in range(7):
                    for p in range(3):
                        x, y = locations[b, q, h, level, p].tolist()
                        sample = bilinear(plane, y * height + 1.5,
                                          x * width + 1.5)
                        expected[b, q, h] += \
                            weights[b, q, h, level, p] * sample
    assert_close(got, expected.flatten(2))


def test_gradcheck_of_deformable_attention(mmcv_standin):
    from mmcv.ops.multi_scale_deform_attn import (
        MultiScaleDeformableAttnFunction,
    )
    value, shapes, starts, locations, weights = attention_inputs()
    assert gradcheck(
        lambda v, loc, w: MultiScaleDeformableAttnFunction.apply(
            v, shapes, starts, loc, w, 64),
        [t.requires_grad_() for t in (value, locations, weights)])


@pytest.mark.parametrize('modulated', [False, True])
def test_gradcheck_of_deformable_convolution(mmcv_standin, modulated):
    image = torch.randn(1, 4, 5, 5).double().requires_grad_()
    offset = torch.randn(1, 36, 5, 5).double().requires_grad_()
    mask = torch.rand(1, 18, 5, 5).double().requires_grad_()
    weight = torch.randn(2, 4, 3, 3).double().requires_grad_()
    bias = torch.randn(2).double().requires_grad_()
    if modulated:
        assert gradcheck(
            lambda *args: mmcv_standin.modulated_deform_conv2d(
                *args, 1, 1, 1, 1, 2), (image, offset, mask, weight, bias))
    else:
        assert gradcheck(
            lambda *args: mmcv_standin.deform_conv2d(*args, 1, 1, 1, 1, 2),
            (image, offset, weight))


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('weighted', [False, True])
def test_sigmoid_focal_loss_is_its_formula(mmcv_standin, gamma, weighted):
    logits = (4 * torch.randn(40, 5)).double().requires_grad_()
    target = torch.randint(0, 6, (40,))  # 5 is background
    weight = torch.rand(5).double() if weighted else None
    loss = mmcv_standin.sigmoid_focal_loss(logits, target, gamma, 0.25,
                                           weight, 'none')
    onehot = F.one_hot(target, 6)[:, :5].double()
    prob = logits.sigmoid()
    plain = F.binary_cross_entropy_with_logits(logits, onehot,
                                               reduction='none')
    expected = plain * torch.where(onehot > 0, 0.25 * (1 - prob)**gamma,
                                   0.75 * prob**gamma)
    if weighted:
        expected = expected * torch.cat([weight, weight.new_ones(1)])[
            target][:, None]
    assert_close(loss, expected)
    got = torch.autograd.grad(loss.sum(), logits)[0]
    assert_close(got, torch.autograd.grad(expected.sum(), logits)[0])


def test_focal_losses_of_extreme_logits_are_finite(mmcv_standin):
    logits = torch.tensor([[200.0, -200], [-200, 200]]).requires_grad_()
    target = torch.tensor([0, 0])
    for op in (mmcv_standin.sigmoid_focal_loss,
               mmcv_standin.softmax_focal_loss):
        loss = op(logits, target, 0.5, 0.25, None, 'sum')
        grad, = torch.autograd.grad(loss, logits)
        assert loss.isfinite() and grad.isfinite().all()


def test_softmax_focal_loss_is_its_formula(mmcv_standin):
    logits = torch.randn(30, 4).double().requires_grad_()
    target = torch.randint(0, 4, (30,))
    weight = torch.rand(4).double()
    loss = mmcv_standin.softmax_focal_loss(logits, target, 2.0, 0.3, weight,
                                           'none')
    log_prob = logits.log_softmax(1).gather(1, target[:, None])[:, 0]
    expected = -0.3 * (1 - log_prob.exp())**2 * log_prob * weight[target]
    assert_close(loss, expected)
    # mmcv multiplies the gradient by a scalar: 'sum' is what has one
    total = mmcv_standin.softmax_focal_loss(logits, target, 2.0, 0.3, weight,
                                            'sum')
    got = torch.autograd.grad(total, logits)[0]
    assert_close(got, torch.autograd.grad(expected.sum(), logits)[0])
