# Copyright (c) mmeo contributors. All rights reserved.
"""Pairs of boxes that meet, their IoU, and suppression without all pairs."""

import math

import pytest
import torch
from mmcv.ops import box_iou_rotated, nms_quadri, nms_rotated
from mmrotate.structures.bbox import rbox2hbox, rbox2qbox

from mmeo.errors import ConfigError
from mmeo.geo.box_pairs import (
    aligned_ious,
    box_areas,
    may_reach,
    meeting_pairs,
    upright_bounds,
)
from mmeo.geo.merge_boxes import merge_nms


def draw(n, span, rng):
    """Boxes ``(n, 5)`` on a square of side ``span``."""
    def uniform(columns):
        return torch.rand(n, columns, generator=rng)
    return torch.cat((uniform(2) * span, uniform(2) * 60 + 4,
                      (uniform(1) - 0.5) * 6), dim=1)


def random_case(seed):
    """Boxes, scores and labels; crowds, ties, duplicates, empty boxes."""
    rng = torch.Generator().manual_seed(seed)
    n = int(torch.randint(1, 150, (1,), generator=rng))
    boxes = draw(n, (40, 200, 1000)[seed % 3], rng)
    scores = torch.rand(n, generator=rng)
    if seed % 2:
        scores = (scores * 4).round() / 4
    if seed % 5 == 0:
        boxes[::3, 2] = 0
    if seed % 7 == 0:
        boxes = boxes[torch.randint(0, n, (n,), generator=rng)]
    if seed % 11 == 0:
        boxes[:, 4] = (boxes[:, 4] / math.pi * 2).round() * math.pi / 2
        boxes[:, :4] = boxes[:, :4].round()
    return boxes, scores, torch.randint(0, 3, (n,), generator=rng)


def assert_same_keeps(seeds, iou_thr):
    for seed in seeds:
        boxes, scores, _ = random_case(seed)
        expected = nms_rotated(boxes, scores, iou_thr)[1]
        assert torch.equal(merge_nms(boxes, scores, iou_thr), expected), seed


@pytest.mark.parametrize('iou_thr', [0.1, 0.3, 0.5, 0.9])
def test_keeps_what_nms_rotated_keeps(ops, iou_thr):
    assert_same_keeps(range(120), iou_thr)


@pytest.mark.slow
@pytest.mark.parametrize('iou_thr', [0.05, 0.1, 0.5])
def test_keeps_what_nms_rotated_keeps_in_thousands(ops, iou_thr):
    assert_same_keeps(range(1000, 2500), iou_thr)


def test_groups_are_suppressed_one_by_one(ops):
    for seed in range(120):
        boxes, scores, labels = random_case(seed)
        expected = []
        for label in labels.unique():
            index = (labels == label).nonzero().squeeze(1)
            kept = nms_rotated(boxes[index], scores[index], 0.3)[1]
            expected.append(index[kept])
        kept = merge_nms(boxes, scores, 0.3, labels * 7)
        assert torch.equal(kept, torch.cat(expected)), seed


def test_many_blocks_of_boxes():
    rng = torch.Generator().manual_seed(0)
    for span in (60, 1500):
        boxes, scores = draw(3000, span, rng), torch.rand(3000, generator=rng)
        assert torch.equal(merge_nms(boxes, scores, 0.2),
                           nms_rotated(boxes, scores, 0.2)[1])


def test_quadrilaterals_and_upright_boxes():
    from torchvision.ops import nms
    for seed in range(100):
        boxes, scores, _ = random_case(seed)
        scores = scores + torch.arange(len(scores)) * 1e-4  # no ties: nms is
        quads, upright = rbox2qbox(boxes), rbox2hbox(boxes)  # stable
        assert torch.equal(merge_nms(quads, scores, 0.3, box_type='qbox'),
                           nms_quadri(quads, scores, 0.3)[1])
        assert torch.equal(merge_nms(upright, scores, 0.3, box_type='hbox'),
                           nms(upright, scores, 0.3))


def test_edges_of_suppression():
    none = merge_nms(torch.zeros(0, 5), torch.zeros(0), 0.1)
    assert none.shape == (0,)
    boxes = torch.tensor([[5, 5, 4, 4, 0], [5, 5, 4, 4, 0.0]])
    assert merge_nms(boxes, torch.tensor([0.1, 0.2]), 1.0).tolist() == [1]
    boxes[0, 0] = math.nan
    boxes[1, 2] = math.inf
    assert merge_nms(boxes, torch.tensor([0.1, 0.2]), 0.1).tolist() == [1, 0]
    for bad in (0, -1, 1.5):
        with pytest.raises(ConfigError, match='iou_thr'):
            merge_nms(boxes, torch.ones(2), bad)
    with pytest.raises(ConfigError, match='rbox'):
        merge_nms(boxes, torch.ones(2), 0.1, box_type='circle')


@pytest.mark.parametrize('seed', range(8))
def test_meeting_pairs_equal_all_pairs(seed):
    rng = torch.Generator().manual_seed(seed)
    low = torch.rand(140, 2, generator=rng) * 100
    bounds = torch.cat((low, low + torch.rand(
        140, 2, generator=rng) * (5, 30)[seed % 2]), dim=1).double()
    if seed % 3 == 0:
        bounds = bounds.round()  # touching edges, boxes without area
    if seed == 4:
        bounds[0] = torch.tensor([-1e9, -1e9, 1e9, 1e9])
        bounds[1, 3] = 1e9
    if seed == 5:
        bounds[:2] = torch.tensor([[math.nan, 0, 1, 1], [0, 0, math.inf, 1]])
    first, second = bounds[:90], bounds[90:]
    groups1 = torch.randint(0, 3, (90,), generator=rng)
    groups2 = torch.randint(0, 3, (50,), generator=rng)
    x1, y1, x2, y2 = first[:, None].unbind(2)
    u1, v1, u2, v2 = second[None].unbind(2)
    meet = (x1 < u2) & (u1 < x2) & (y1 < v2) & (v1 < y2)
    meet &= groups1[:, None] == groups2
    meet &= first.isfinite().all(1)[:, None] & second.isfinite().all(1)
    # a box without width inside another is reported; it shares no area
    flat = (x1 >= x2) | (y1 >= y2) | (u1 >= u2) | (v1 >= v2)
    pairs = [pair for rows, cols in meeting_pairs(first, groups1, second,
                                                  groups2)
             for pair in zip(rows.tolist(), cols.tolist())]
    assert len(pairs) == len(set(pairs))  # each once
    expected = {tuple(p) for p in (meet & ~flat).nonzero().tolist()}
    assert expected <= set(pairs)
    for row, col in set(pairs) - expected:
        assert meet[row, col] and flat[row, col]


def test_pairs_come_in_chunks(monkeypatch):
    monkeypatch.setattr('mmeo.geo.box_pairs._CHUNK', 10)
    bounds = torch.tensor([[0, 0, 2, 2]]).repeat(30, 1).double()
    groups = torch.zeros(30, dtype=torch.long)
    chunks = list(meeting_pairs(bounds, groups, bounds, groups))
    assert len(chunks) > 10
    assert sum(len(rows) for rows, _ in chunks) == 900


def test_ious_of_pairs_equal_the_full_matrix(ops):
    rng = torch.Generator().manual_seed(1)
    first, second = draw(60, 100, rng), draw(50, 100, rng)
    full = box_iou_rotated(first, second)
    groups1, groups2 = torch.zeros(60).long(), torch.zeros(50).long()
    found = torch.zeros(60, 50)
    for rows, cols in meeting_pairs(
            upright_bounds(first, 'rbox'), groups1,
            upright_bounds(second, 'rbox'), groups2):
        found[rows, cols] = aligned_ious(first[rows], second[cols], 'rbox')
    torch.testing.assert_close(found, full)
    assert (found > 0).sum() > 50


@pytest.mark.parametrize('box_type', ['rbox', 'qbox', 'hbox'])
@pytest.mark.parametrize('iou', [0.05, 0.3, 0.7, 1.0])
def test_bound_of_iou_holds(box_type, iou):
    rng = torch.Generator().manual_seed(0)
    first = draw(3000, 60, rng)
    second = first + torch.randn(3000, 5, generator=rng) * torch.tensor(
        [6, 6, 3, 3, 0.3])
    second[:100] = first[:100]
    second[:, 2:4].clamp_(min=0)
    convert = dict(rbox=lambda b: b, qbox=rbox2qbox, hbox=rbox2hbox)[box_type]
    first, second = convert(first), convert(second)
    ious = aligned_ious(first, second, box_type)
    near = may_reach(
        upright_bounds(first, box_type), box_areas(first, box_type),
        upright_bounds(second, box_type), box_areas(second, box_type), iou)
    assert near[ious >= iou].all()
    assert (ious >= iou).sum() > 50
    assert near.sum() < 2500 or iou < 0.5


BAD = [[5, 5, 0, 4, 0.3], [5, 5, 0, 0, 0], [5, 5, -3, 4, 0],
       [5, 5, 1e-9, 1e-9, 0], [math.nan, 5, 4, 4, 0],
       [5, 5, math.inf, 4, 0], [5, 5, 4, 4, math.nan]]


@pytest.mark.parametrize('bad', BAD)
def test_boxes_without_area_overlap_nothing(ops, bad):
    bad = torch.tensor([bad])
    for other in (torch.tensor([[5, 5, 4, 4, 0.1]]), bad):
        for a, b in ((bad, other), (other, bad)):
            assert aligned_ious(a, b, 'rbox').tolist() == [0]
    if bad[0, 2] < 0:
        return  # its corners are those of a sound quadrilateral
    quad = rbox2qbox(bad)
    assert aligned_ious(quad, quad, 'qbox').tolist() == [0]


def test_nonsense_of_an_op_is_no_overlap(monkeypatch):
    def op(boxes1, boxes2, aligned):
        return torch.tensor([-1.2e7, 3.0, math.nan, 1.0000001, 0.4])
    monkeypatch.setattr('mmcv.ops.box_iou_rotated', op)
    boxes = torch.tensor([[5, 5, 4, 4, 0.0]]).repeat(5, 1)
    result = aligned_ious(boxes, boxes, 'rbox')
    torch.testing.assert_close(result, torch.tensor([0, 0, 0, 1, 0.4]))
