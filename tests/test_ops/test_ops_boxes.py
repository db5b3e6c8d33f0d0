# Copyright (c) mmeo contributors. All rights reserved.
"""Box ops of the stand-in against geometry computed another way."""

import math

import numpy as np
import pytest
import shapely
import torch
from torch.testing import assert_close

NMS_THRESHOLD = 0.3


def iou_rotated(standin, boxes1, boxes2, mode=0, aligned=False):
    size = len(boxes1) if aligned else len(boxes1) * len(boxes2)
    ious = boxes1.new_full((size,), 7.0)
    standin.box_iou_rotated(boxes1, boxes2, ious, mode_flag=mode,
                            aligned=aligned)
    return ious if aligned else ious.view(len(boxes1), len(boxes2))


def iou_quadri(standin, quads1, quads2, mode=0):
    ious = quads1.new_full((len(quads1) * len(quads2),), 7.0)
    standin.box_iou_quadri(quads1, quads2, ious, mode_flag=mode,
                           aligned=False)
    return ious.view(len(quads1), len(quads2))


def shapely_iou(quads1, quads2, mode=0):
    first = shapely.polygons(quads1.view(-1, 4, 2).double().numpy())[:, None]
    second = shapely.polygons(quads2.view(-1, 4, 2).double().numpy())[None]
    common = shapely.area(shapely.intersection(first, second))
    base = shapely.area(first)
    if mode == 0:
        base = base + shapely.area(second) - common
    return torch.from_numpy(common / base)


@pytest.mark.parametrize('mode', [0, 1])
@pytest.mark.parametrize('dtype, tolerance', [(torch.float32, 2e-6),
                                              (torch.float64, 1e-12)])
def test_rotated_iou_equals_shapely(standin, rotated_boxes, corners, mode,
                                    dtype, tolerance):
    boxes1 = rotated_boxes(60, seed=1, dtype=dtype)
    boxes2 = rotated_boxes(70, seed=2, dtype=dtype)
    expected = shapely_iou(corners(boxes1.double()),
                           corners(boxes2.double()), mode)
    got = iou_rotated(standin, boxes1, boxes2, mode)
    assert (expected > 0).sum() > 100
    assert_close(got.double(), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize('noise', [0.0, 3.0])
def test_quadri_iou_equals_shapely(standin, rotated_boxes, corners, noise):
    quads = []
    for seed in (1, 2):
        boxes = rotated_boxes(150, seed=seed)
        boxes[:, 2:4] += 20
        quad = corners(boxes) + noise * torch.randn(150, 8)
        edge = quad.view(-1, 4, 2).roll(-1, 1) - quad.view(-1, 4, 2)
        after = edge.roll(-1, 1)
        turn = edge[..., 0] * after[..., 1] - edge[..., 1] * after[..., 0]
        quads.append(quad[(turn > 0).all(1)])
    assert min(len(quad) for quad in quads) > 100
    expected = shapely_iou(*quads)
    assert_close(iou_quadri(standin, *quads).double(), expected, atol=2e-6,
                 rtol=0)


def test_moving_both_boxes_changes_nothing(standin, rotated_boxes):
    boxes1 = rotated_boxes(60, seed=1, dtype=torch.float64)
    boxes2 = rotated_boxes(60, seed=2, dtype=torch.float64)
    expected = iou_rotated(standin, boxes1, boxes2)
    angle = 0.7
    turn = torch.tensor([[math.cos(angle), math.sin(angle)],
                         [-math.sin(angle), math.cos(angle)]],
                        dtype=torch.float64)
    for scale in (0.01, 100.0):
        moved = []
        for boxes in (boxes1, boxes2):
            moved.append(torch.cat([
                scale * boxes[:, :2] @ turn + 1000, scale * boxes[:, 2:4],
                boxes[:, 4:] + angle], dim=1))
        assert_close(iou_rotated(standin, *moved), expected, atol=1e-9,
                     rtol=0)
    # mirrored, the angle turns round
    flip = torch.tensor([-1.0, 1, 1, 1, -1]).double()
    assert_close(iou_rotated(standin, boxes1 * flip, boxes2 * flip), expected,
                 atol=1e-12, rtol=0)
    # the same box with sides exchanged, or half a turn on
    swapped = boxes1[:, [0, 1, 3, 2, 4]] + boxes1.new_tensor(
        [0, 0, 0, 0, math.pi / 2])
    assert_close(iou_rotated(standin, swapped, boxes2), expected, atol=1e-9,
                 rtol=0)
    assert_close(iou_rotated(standin, boxes2, boxes1).T, expected, atol=1e-9,
                 rtol=0)


def test_identical_boxes_have_iou_one(standin, rotated_boxes):
    boxes = rotated_boxes(500, span=5000)
    assert_close(iou_rotated(standin, boxes, boxes, aligned=True),
                 torch.ones(500), atol=1e-5, rtol=0)


def test_aligned_is_the_diagonal(standin, rotated_boxes):
    boxes1, boxes2 = rotated_boxes(90, seed=1), rotated_boxes(90, seed=2)
    assert_close(iou_rotated(standin, boxes1, boxes2, aligned=True),
                 iou_rotated(standin, boxes1, boxes2).diagonal())


def test_degenerate_boxes_stay_in_range(standin, corners):
    inf, nan = float('inf'), float('nan')
    boxes = torch.tensor([
        [5, 5, 0, 0, 0], [5, 5, 0, 10, 0.3], [5, 5, 10, 0, 0.3],
        [5, 5, 1e-20, 10, 0], [5, 5, 1e-6, 1e6, 0.1], [5, 5, -4, 4, 0],
        [5, 5, -4, -4, 0], [5, 5, 1e-12, 1e-1, 2], [5, 5, 1e10, 1e10, 1],
        [1e8, 1e8, 1e-3, 1e-3, 0], [inf, 5, 2, 2, 0], [5, 5, inf, 2, 0],
        [nan, 5, 2, 2, 0], [5, 5, 10, 10, nan], [5, 5, 10, 10, 0.2]])
    for mode in (0, 1):
        for ious in (iou_rotated(standin, boxes, boxes, mode),
                     iou_quadri(standin, corners(boxes), corners(boxes),
                                mode)):
            assert ((ious >= 0) & (ious <= 1)).all()
            empty = [0, 1, 2, 3, 12]
            assert (ious[empty] == 0).all() and (ious[:, empty] == 0).all()
        ious = iou_rotated(standin, boxes, boxes, mode)
        assert (ious[[5, 6]] == 0).all()  # negative sides are no area
        assert ious[-1, -1] == pytest.approx(1, abs=1e-5)


def test_small_box_in_large_one_is_precise(standin):
    small = torch.tensor([[450.0, 400.0, 0.5, 0.5, 0.4]])
    large = torch.tensor([[0.0, 0.0, 1000.0, 1000.0, 0.1]])
    inside = iou_rotated(standin, small, large, mode=1)
    assert inside.item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize('shapes', [(0, 5), (5, 0), (0, 0)])
def test_empty_boxes(standin, rotated_boxes, corners, shapes):
    boxes1, boxes2 = (rotated_boxes(n) for n in shapes)
    assert iou_rotated(standin, boxes1, boxes2).shape == shapes
    assert iou_quadri(standin, corners(boxes1), corners(boxes2)).shape == \
        shapes
    ious = torch.zeros(shapes)
    standin.bbox_overlaps(boxes1[:, :4], boxes2[:, :4], ious, mode=0,
                          aligned=False, offset=0)


def test_half_precision_is_computed_in_float(standin, rotated_boxes):
    boxes = rotated_boxes(50, span=60)
    expected = iou_rotated(standin, boxes.half().float(),
                           boxes.half().float())
    got = iou_rotated(standin, boxes.half(), boxes.half())
    assert got.dtype == torch.float16
    assert_close(got.float(), expected, atol=1e-3, rtol=0)


def naive_greedy(ious, scores, threshold):
    order = scores.sort(descending=True, stable=True)[1].tolist()
    kept = []
    for i in order:
        if all(ious[i, j] < threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize('n, span', [(1, 10), (300, 80), (700, 600)])
def test_nms_rotated_is_greedy(standin, rotated_boxes, n, span):
    boxes, scores = rotated_boxes(n, span), torch.rand(n)
    kept = standin.nms_rotated(boxes, scores, scores, boxes, scores[:0],
                               NMS_THRESHOLD, False)
    ious = iou_rotated(standin, boxes, boxes)
    assert kept.tolist() == naive_greedy(ious, scores, NMS_THRESHOLD)


def test_nms_by_label_is_nms_of_each_label(standin, rotated_boxes, corners):
    boxes, scores = rotated_boxes(300, 80), torch.rand(300)
    labels = torch.randint(0, 3, (300,))
    ious = iou_rotated(standin, boxes, boxes)
    ious = ious * (labels[:, None] == labels)
    expected = naive_greedy(ious, scores, NMS_THRESHOLD)
    labelled = torch.cat([boxes, labels[:, None]], dim=1)
    kept = standin.nms_rotated(labelled, scores, scores, labelled, labels,
                               NMS_THRESHOLD, True)
    assert kept.tolist() == expected
    labelled = torch.cat([corners(boxes), labels[:, None]], dim=1)
    kept = standin.nms_quadri(labelled, scores, scores, labelled,
                              NMS_THRESHOLD, True)
    assert kept.tolist() == expected


def test_nms_match_groups_partition_the_boxes(standin, upright_boxes):
    boxes, scores = upright_boxes(200), torch.rand(200)
    groups = standin.nms_match(torch.cat([boxes, scores[:, None]], dim=1),
                               0.3)
    assert sorted(sum(groups, [])) == list(range(200))
    kept = standin.nms(boxes, scores, iou_threshold=0.3, offset=0)
    assert [group[0] for group in groups] == kept.tolist()


def test_softnms_of_boxes_without_area_is_finite(standin):
    boxes = torch.tensor([[3.0, 3, 3, 3]]).repeat(4, 1)
    dets = torch.zeros(4, 5)
    keep = standin.softnms(boxes, torch.rand(4), dets, iou_threshold=0.3,
                           sigma=0.5, min_score=0.0, method=2, offset=0)
    assert len(keep) == 4 and dets.isfinite().all()


def test_points_in_polygons_equals_shapely(mmcv_standin, rotated_boxes,
                                           corners):
    quads, points = corners(rotated_boxes(40)), torch.rand(300, 2) * 200
    expected = shapely.contains_xy(
        shapely.polygons(quads.view(-1, 4, 2).double().numpy())[None],
        *points.double().numpy().T[..., None])
    got = mmcv_standin.points_in_polygons(points, quads)
    assert got.sum() > 50
    assert (got.bool().numpy() == expected).all()


def test_min_area_polygons_equals_shapely(mmcv_standin):
    points = torch.randn(60, 9, 2) * 30 + 500
    points[:5, 3:] = points[:5, :1]  # repeated points
    got = mmcv_standin.min_area_polygons(points.view(60, 18)).view(60, 4, 2)
    for found, cloud in zip(got.double().numpy(), points.double().numpy()):
        expected = shapely.minimum_rotated_rectangle(
            shapely.MultiPoint(cloud))
        box = shapely.Polygon(found)
        assert box.area == pytest.approx(expected.area, rel=1e-3, abs=1e-2)
        around = box.buffer(0.05)
        assert all(around.contains(shapely.Point(p)) for p in cloud)


def test_min_area_polygons_of_a_single_point(mmcv_standin):
    got = mmcv_standin.min_area_polygons(torch.full((1, 18), 4.0))
    assert_close(got, torch.full((1, 8), 4.0))


def test_differentiable_iou_equals_shapely(mmcv_standin, rotated_boxes,
                                           corners):
    boxes1 = rotated_boxes(100, seed=1, dtype=torch.float64)
    boxes2 = boxes1 + torch.randn(100, 5).double() * 3
    boxes2[:, 2:4] = boxes2[:, 2:4].abs() + 1
    expected = torch.from_numpy(np.array([
        shapely_iou(corners(a[None]), corners(b[None])).item()
        for a, b in zip(boxes1, boxes2)]))
    leaf = boxes1.clone().requires_grad_()
    iou = mmcv_standin.diff_iou_rotated_2d(leaf[None], boxes2[None])[0]
    assert_close(iou.detach(), expected, atol=1e-6, rtol=0)
    iou.sum().backward()
    assert leaf.grad.isfinite().all() and leaf.grad.abs().sum() > 0


def test_differentiable_iou_of_equal_and_distant_boxes(mmcv_standin):
    boxes = torch.tensor([[[0.0, 0, 4, 4, 0], [9, 9, 3, 5, 0.6],
                           [5, 5, 4, 4, math.pi / 4]]])
    iou = mmcv_standin.diff_iou_rotated_2d(boxes, boxes.clone())
    assert_close(iou, torch.ones(1, 3), atol=1e-3, rtol=0)
    far = boxes + 100 * torch.tensor([1.0, 1, 0, 0, 0])
    assert mmcv_standin.diff_iou_rotated_2d(boxes, far).abs().max() == 0
