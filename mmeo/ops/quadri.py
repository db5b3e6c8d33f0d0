# Copyright (c) mmeo contributors. All rights reserved.
"""Overlap and suppression of convex quadrilaterals.

Cut by a vertical line, a convex polygon gives one interval; the length that
two intervals share is piecewise linear in the position of the line, with
breaks at corners and at crossings of edges. Between two breaks its integral
is the width times the value in the middle. (Our choice: no case distinction
for touching or identical boxes.)
"""

import numpy as np
import torch
from torch import Tensor

from mmeo.ops.nms import best_first, working_dtype
from mmeo.ops.rotated_nms import greedy

_CHUNK = 1 << 12
_MASK = 1 << 22
_MIN_AREA = 1e-14


def _areas(corners: Tensor) -> Tensor:
    """Areas ``(...)`` of convex quadrilaterals ``(..., 4, 2)``."""
    x, y = (corners[..., 1:, :] - corners[..., :1, :]).unbind(-1)
    cross = x[..., :-1] * y[..., 1:] - x[..., 1:] * y[..., :-1]
    return cross.abs().sum(-1) / 2


def _slopes(corners: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Start points, vectors and slopes of the edges, each ``(K, 4[, 2])``."""
    vector = corners.roll(-1, 1) - corners
    dx, dy = vector.unbind(-1)
    return corners, vector, torch.where(dx == 0, 0, dy / dx)


def _crossings(corners1: Tensor, corners2: Tensor) -> Tensor:
    """x of the 16 crossings of edges ``(K, 16)``; a corner's x where none."""
    a, u, _ = _slopes(corners1)
    b, v, _ = _slopes(corners2)
    a, u, b, v = a[:, :, None], u[:, :, None], b[:, None], v[:, None]
    det = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]  # (K, 4, 4)
    gap = b - a
    t = (gap[..., 0] * v[..., 1] - gap[..., 1] * v[..., 0]) / det
    # Beyond the edge, or on a parallel one, there is no break to add.
    t = torch.where((t >= 0) & (t <= 1), t, 0)
    return (a[..., 0] + t * u[..., 0]).flatten(1)


def _section(corners: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest y of polygons at ``x`` ``(K, P)``."""
    start, vector, slope = (item[:, None] for item in _slopes(corners))
    first = start[..., 0]
    second = first + vector[..., 0]  # (K, 1, 4)
    x = x[..., None]
    y = start[..., 1] + (x - first) * slope  # (K, P, 4)
    covers = (torch.minimum(first, second) <= x) & (
        x <= torch.maximum(first, second)) & (vector[..., 0] != 0)
    inf = float('inf')
    low = torch.where(covers, y, inf).amin(-1)
    high = torch.where(covers, y, -inf).amax(-1)
    return low, high


def _intersection(corners1: Tensor, corners2: Tensor) -> Tensor:
    """Areas ``(K,)`` common to aligned quadrilaterals ``(K, 4, 2)``."""
    # Small numbers keep the digits: count from a corner of the first box.
    origin = corners1[:, :1]
    corners1, corners2 = corners1 - origin, corners2 - origin
    breaks = torch.cat([corners1[..., 0], corners2[..., 0],
                        _crossings(corners1, corners2)], dim=1)
    breaks = breaks.sort(dim=1)[0]  # (K, 24)
    middle = (breaks[:, 1:] + breaks[:, :-1]) / 2
    low1, high1 = _section(corners1, middle)
    low2, high2 = _section(corners2, middle)
    shared = torch.minimum(high1, high2) - torch.maximum(low1, low2)
    widths = breaks[:, 1:] - breaks[:, :-1]
    return (shared.clamp(min=0) * widths).sum(1)


def _pair_ious(corners1: Tensor, corners2: Tensor, mode: int) -> Tensor:
    """IoU ``(K,)`` in [0, 1] of aligned quadrilaterals ``(K, 4, 2)``."""
    result = corners1.new_empty(corners1.size(0))
    for start in range(0, result.numel(), _CHUNK):
        part = slice(start, start + _CHUNK)
        first, second = corners1[part], corners2[part]
        area1, area2 = _areas(first), _areas(second)
        smaller = torch.minimum(area1, area2)
        common = torch.minimum(_intersection(first, second), smaller)
        base = area1 if mode else area1 + area2 - common
        iou = torch.where(smaller >= _MIN_AREA, common / base, 0)
        result[part] = iou.nan_to_num_(0).clamp_(0, 1)
    return result


def _candidates(corners1: Tensor, corners2: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs whose enclosing upright boxes meet, sorted by the first."""
    low1, high1 = corners1.amin(1)[:, None], corners1.amax(1)[:, None]
    low2, high2 = corners2.amin(1), corners2.amax(1)
    rows, cols = [], []
    step = max(1, _MASK // max(1, corners2.size(0)))
    for start in range(0, corners1.size(0), step):
        part = slice(start, start + step)
        meet = ((low1[part] < high2) & (low2 < high1[part])).all(-1)
        row, col = meet.nonzero(as_tuple=True)
        rows.append(row + start)
        cols.append(col)
    if not rows:
        empty = torch.zeros(0, dtype=torch.long, device=corners1.device)
        return empty, empty
    return torch.cat(rows), torch.cat(cols)


def _corners(boxes: Tensor) -> Tensor:
    return boxes[:, :8].to(working_dtype(boxes)).reshape(-1, 4, 2)


@torch.no_grad()
def box_iou_quadri(boxes1: Tensor, boxes2: Tensor, ious: Tensor,
                   mode_flag: int, aligned: bool) -> None:
    """IoU of convex quadrilaterals, written into ``ious``; in [0, 1].

    Args:
        boxes1 (Tensor): ``(N, 8)`` as x1, y1, ..., x4, y4.
        boxes2 (Tensor): ``(M, 8)``.
        ious (Tensor): Output with N * M entries, or N if aligned.
        mode_flag (int): 0 for IoU, 1 for intersection over ``boxes1``.
        aligned (bool): Compare row by row.
    """
    corners1, corners2 = _corners(boxes1), _corners(boxes2)
    if aligned:
        ious.copy_(_pair_ious(corners1, corners2, mode_flag))
        return
    rows, cols = _candidates(corners1, corners2)
    values = _pair_ious(corners1[rows], corners2[cols], mode_flag)
    ious.zero_()
    ious.view(-1)[rows * boxes2.size(0) + cols] = values.to(ious.dtype)


@torch.no_grad()
def nms_quadri(dets: Tensor, scores: Tensor, order: Tensor,
               dets_sorted: Tensor, iou_threshold: float,
               multi_label: bool) -> Tensor:
    """Indices that greedy suppression of quadrilaterals keeps.

    Args:
        dets (Tensor): ``(N, 8)``, or ``(N, 9)`` with the label as last
            column.
        scores (Tensor): ``(N,)``.
        order (Tensor): Not used; the compiled op sorts again as well.
        dets_sorted (Tensor): Not used.
        iou_threshold (float): Boxes that overlap a better one by at least
            this go.
        multi_label (bool): Boxes of different labels do not suppress each
            other. (The compiled op knows this on CUDA only.)

    Returns:
        Tensor: ``(K,)`` indices into ``dets``, best score first.
    """
    order = best_first(scores)
    corners = _corners(dets[order])
    classes = dets[order, 8] if multi_label else None
    threshold = float(np.float32(iou_threshold))

    def overlapping(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        rows, cols = _candidates(corners[first], corners[second])
        if classes is not None:
            same = classes[first[rows]] == classes[second[cols]]
            rows, cols = rows[same], cols[same]
        iou = _pair_ious(corners[first[rows]], corners[second[cols]], 0)
        hit = iou >= threshold
        return rows[hit], cols[hit]

    return order[greedy(order.numel(), overlapping, dets.device)]
