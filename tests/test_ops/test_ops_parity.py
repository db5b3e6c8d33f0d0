# Copyright (c) mmeo contributors. All rights reserved.
"""Stand-in against compiled op: values and gradients.

Needs a compiled build (`python tools/build_ops.py`); skips without. The
compiled CPU build has no RoIPool, focal loss, deformable attention, vertex
sorting and point set ops: other tests compare those with plain loops.
"""

import importlib

import pytest
import torch
from torch.testing import assert_close


def both(compiled, standin, name, make_args, **kwargs):
    """Results of an op of either kind on equal arguments."""
    results = []
    for ext in (compiled, standin):
        args, outputs = make_args()
        returned = getattr(ext, name)(*args, **kwargs)
        results.append((*outputs, returned))
    return results


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize('n', [0, 1, 700])
def test_nms(compiled, standin, upright_boxes, n, threshold, offset):
    boxes, scores = upright_boxes(n), torch.rand(n)
    kwargs = dict(iou_threshold=threshold, offset=offset)
    assert torch.equal(compiled.nms(boxes, scores, **kwargs),
                       standin.nms(boxes, scores, **kwargs))


def test_nms_ties_and_identical_boxes(compiled, standin, upright_boxes):
    boxes = upright_boxes(50).repeat(4, 1)
    for scores in (torch.ones(200), torch.rand(200).mul(10).floor()):
        kwargs = dict(iou_threshold=0.5, offset=0)
        assert torch.equal(compiled.nms(boxes, scores, **kwargs),
                           standin.nms(boxes, scores, **kwargs))


@pytest.mark.parametrize('threshold', [0.1, 0.3, 0.7])
def test_nms_at_the_threshold(compiled, standin, threshold):
    # IoU is float32(threshold) exactly; float64 and float32 round apart
    boxes = torch.tensor([[0, 0, 10, 1], [0, 0, 10 * threshold, 1]])
    scores = torch.tensor([0.9, 0.8])
    kwargs = dict(iou_threshold=threshold, offset=0)
    assert torch.equal(compiled.nms(boxes, scores, **kwargs),
                       standin.nms(boxes, scores, **kwargs))


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('method', [0, 1, 2])
@pytest.mark.parametrize('min_score', [0.0, 0.05, 0.5])
@pytest.mark.parametrize('ties', [False, True])
def test_softnms(compiled, standin, upright_boxes, method, min_score, offset,
                 ties):
    boxes, scores = upright_boxes(300), torch.rand(300)
    if ties:
        scores = scores.mul(10).round() / 10

    def make():
        dets = torch.zeros(300, 5)
        return (boxes, scores, dets), (dets,)

    (dets1, keep1), (dets2, keep2) = both(
        compiled, standin, 'softnms', make, iou_threshold=0.3, sigma=0.5,
        min_score=min_score, method=method, offset=offset)
    assert torch.equal(keep1, keep2)
    assert_close(dets1[:len(keep1)], dets2[:len(keep2)], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize('threshold', [0.1, 0.5])
def test_nms_match(compiled, standin, upright_boxes, threshold):
    dets = torch.cat([upright_boxes(300), torch.rand(300, 1)], dim=1)
    assert compiled.nms_match(dets, threshold) == standin.nms_match(
        dets, threshold)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('mode', [0, 1])
@pytest.mark.parametrize('aligned', [False, True])
def test_bbox_overlaps(compiled, standin, upright_boxes, mode, aligned,
                       offset):
    boxes1, boxes2 = upright_boxes(80), upright_boxes(80, seed=1)

    def make():
        ious = torch.zeros(80) if aligned else torch.zeros(80, 80)
        return (boxes1, boxes2, ious), (ious,)

    first, second = both(compiled, standin, 'bbox_overlaps', make, mode=mode,
                         aligned=aligned, offset=offset)
    assert_close(first[0], second[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize('mode', [0, 1])
@pytest.mark.parametrize('aligned', [False, True])
@pytest.mark.parametrize('max_angle', [0.0, 1.57, 50.0])
def test_box_iou_rotated(compiled, standin, rotated_boxes, mode, aligned,
                         max_angle):
    boxes1 = rotated_boxes(120, seed=1, max_angle=max_angle)
    boxes2 = rotated_boxes(120, seed=2, max_angle=max_angle)
    boxes2[:40] = boxes1[:40] + 0.3 * torch.randn(40, 5)
    boxes2[40:60] = boxes1[40:60]  # identical

    def make():
        ious = torch.zeros(120 if aligned else 120 * 120)
        return (boxes1, boxes2, ious), (ious,)

    first, second = both(compiled, standin, 'box_iou_rotated', make,
                         mode_flag=mode, aligned=aligned)
    assert (first[0] > 0.1).sum() > 20
    assert_close(first[0], second[0], atol=2e-5, rtol=0)


@pytest.mark.parametrize('span', [60, 300, 2000])
@pytest.mark.parametrize('threshold', [0.05, 0.1, 0.5, 0.8])
def test_nms_rotated(compiled, standin, rotated_boxes, span, threshold):
    boxes, scores = rotated_boxes(600, span), torch.rand(600)
    args = (boxes, scores, scores, boxes, scores[:0], threshold, False)
    assert torch.equal(compiled.nms_rotated(*args),
                       standin.nms_rotated(*args))


def test_nms_rotated_ties(compiled, standin, rotated_boxes):
    boxes = rotated_boxes(90).repeat(4, 1)
    scores = torch.rand(360).mul(5).round()
    args = (boxes, scores, scores, boxes, scores[:0], 0.3, False)
    assert torch.equal(compiled.nms_rotated(*args),
                       standin.nms_rotated(*args))


@pytest.mark.parametrize('mode', [0, 1])
def test_box_iou_quadri_of_rectangles(compiled, standin, rotated_boxes,
                                      corners, mode):
    # On other quadrilaterals the compiled op is wrong: it tests whether a
    # corner is inside as if they were rectangles.
    boxes1 = corners(rotated_boxes(80, seed=1))
    boxes2 = corners(rotated_boxes(80, seed=2))

    def make():
        ious = torch.zeros(80 * 80)
        return (boxes1, boxes2, ious), (ious,)

    first, second = both(compiled, standin, 'box_iou_quadri', make,
                         mode_flag=mode, aligned=False)
    assert_close(first[0], second[0], atol=2e-5, rtol=0)


def test_nms_quadri_of_rectangles(compiled, standin, rotated_boxes, corners):
    boxes, scores = corners(rotated_boxes(500, 400)), torch.rand(500)
    args = (boxes, scores, scores, boxes, 0.1, False)
    assert torch.equal(compiled.nms_quadri(*args), standin.nms_quadri(*args))


def regions(n, rotated, dtype):
    """Regions inside, across and beyond a map of 32 x 40 at stride 8."""
    center = torch.rand(n, 2) * 340 - 20
    size = torch.rand(n, 2) * 200 + 2
    image = torch.randint(0, 2, (n, 1))
    if rotated:
        angle = (torch.rand(n, 1) - 0.5) * 20
        return torch.cat([image, center, size, angle], dim=1).to(dtype)
    return torch.cat([image, center - size / 2, center + size / 2],
                     dim=1).to(dtype)


@pytest.mark.parametrize('aligned', [False, True])
@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('mode', ['avg', 'max', 'clockwise', 'counter'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('n', [0, 30])
def test_roi_align(compiled, standin, use_ext, mode, ratio, aligned, dtype,
                   n):
    rotated = mode in ('clockwise', 'counter')
    name = 'roi_align_rotated' if rotated else 'roi_align'
    op = getattr(importlib.import_module(f'mmcv.ops.{name}'), name)
    last = (aligned, mode == 'clockwise') if rotated else (mode, aligned)
    feature, rois = torch.randn(2, 5, 32, 40, dtype=dtype), regions(
        n, rotated, dtype)
    grad = torch.randn(n, 5, 7, 6, dtype=dtype)
    results = []
    for ext in (compiled, standin):
        use_ext(ext)
        leaf = feature.clone().requires_grad_()
        out = op(leaf, rois, (7, 6), 1 / 8, ratio, *last)
        out.backward(grad)
        results.append((out.detach(), leaf.grad))
    tolerance = 1e-4 if dtype == torch.float32 else 1e-12
    if mode == 'max' and dtype == torch.float32:
        # of two nearly equal samples either may get the gradient
        results = [result[:1] for result in results]
    assert_close(*results, atol=tolerance, rtol=0)
    assert n == 0 or results[0][0].abs().sum() > 0


@pytest.mark.parametrize('groups', [1, 2])
@pytest.mark.parametrize('deform_groups', [1, 4])
@pytest.mark.parametrize('geometry', [(1, 1, 1), ((2, 1), (0, 2), (1, 2))])
@pytest.mark.parametrize('modulated, bias', [(False, False), (True, False),
                                             (True, True)])
def test_deform_conv(compiled, standin, use_ext, modulated, geometry,
                     deform_groups, groups, bias):
    from mmcv.ops import deform_conv2d, modulated_deform_conv2d
    stride, padding, dilation = geometry
    weight = torch.randn(6, 8 // groups, 3, 2).double()
    image = torch.randn(2, 8, 12, 11).double()
    out_size = torch.nn.functional.conv2d(
        image, weight, None, stride, padding, dilation, groups).shape[2:]
    entries = deform_groups * 6
    inputs = [image, 2 * torch.randn(2, 2 * entries, *out_size).double()]
    if modulated:
        inputs.append(torch.rand(2, entries, *out_size).double())
    inputs.append(weight)
    if bias:
        inputs.append(torch.randn(6).double())
    results = []
    for ext in (compiled, standin):
        use_ext(ext)
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        if modulated and not bias:
            out = modulated_deform_conv2d(*leaves, None, *geometry, groups,
                                          deform_groups)
        else:
            op = modulated_deform_conv2d if modulated else deform_conv2d
            out = op(*leaves, *geometry, groups, deform_groups)
        out.square().sum().backward()
        results.append([out.detach(), *(leaf.grad for leaf in leaves)])
    assert_close(*results, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize('points', [1, 5])
def test_rotated_feature_align(compiled, standin, use_ext, points):
    from mmcv.ops import rotated_feature_align
    feature = torch.randn(2, 6, 14, 14).double()
    boxes = torch.rand(2, 14, 14, 5).double() * 130 - 10
    results = []
    for ext in (compiled, standin):
        use_ext(ext)
        leaf = feature.clone().requires_grad_()
        out = rotated_feature_align(leaf, boxes, 1 / 8, points)
        out.square().sum().backward()
        results.append((out.detach(), leaf.grad))
    # the compiled op computes sines in float32
    assert_close(*results, atol=1e-3, rtol=1e-3)


def test_active_rotated_filter(compiled, standin, use_ext):
    from mmcv.ops import active_rotated_filter
    kernel = torch.randn(6, 4, 8, 3, 3)
    places = torch.stack([torch.randperm(72) + 1 for _ in range(8)], dim=1)
    places = places.view(8, 3, 3, 8).int()
    results = []
    for ext in (compiled, standin):
        use_ext(ext)
        leaf = kernel.clone().requires_grad_()
        out = active_rotated_filter(leaf, places)
        out.square().sum().backward()
        results.append((out.detach(), leaf.grad))
    assert_close(*results, atol=1e-5, rtol=1e-5)
