# Copyright (c) mmeo contributors. All rights reserved.
"""Overlap of rotated boxes, sparse and without polygon clipping.

The intersection of box 1 with box 2 is measured in the frame of box 2, where
box 2 is ``[-W, W] x [-H, H]``. Walking round box 1, Green's theorem gives

    area = | sum over its edges of the integral of clamp(y, -H, H) dx |,

x being clipped to ``[-W, W]``. Each integral is that of a clamped straight
line and has a closed form. The result depends continuously on the boxes, so
identical, touching and degenerate boxes need no special case; a list of
corner points, sorted round the intersection, does need them. (Our choice.)
"""

import torch
from torch import Tensor

from mmeo.ops.nms import working_dtype

# Pairs worked on at once, so that temporaries stay in the cache of a CPU.
_CHUNK = {'cpu': 1 << 14, 'cuda': 1 << 20}
# Entries of the (N, M) candidate mask made at once.
_MASK = 1 << 22
# Areas below are treated as empty, as in the compiled op.
_MIN_AREA = 1e-14


def prepare(boxes: Tensor) -> Tensor:
    """Quantities of single boxes that every pair needs.

    Args:
        boxes (Tensor): ``(N, 5)`` as cx, cy, w, h, angle in radian, positive
            from the x axis to the y axis.

    Returns:
        Tensor: ``(9, N)`` rows cx, cy, w / 2, h / 2, cos, sin, area, and half
        the width and height of the enclosing upright box.
    """
    boxes = boxes.to(working_dtype(boxes))
    cx, cy, w, h, angle = boxes[:, :5].unbind(1)
    w, h = w.clamp(min=0) / 2, h.clamp(min=0) / 2
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([
        cx, cy, w, h, cos, sin, 4 * w * h,
        w * cos.abs() + h * sin.abs(), w * sin.abs() + h * cos.abs()])


def candidate_pairs(props1: Tensor, props2: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs whose enclosing upright boxes meet; all others overlap by 0.

    Returns:
        tuple[Tensor, Tensor]: Indices into the first and the second boxes,
        sorted by the first.
    """
    cx1, cy1, ex1, ey1 = props1[[0, 1, 7, 8]][..., None]
    cx2, cy2, ex2, ey2 = props2[[0, 1, 7, 8]]
    left1, right1, top1, bottom1 = cx1 - ex1, cx1 + ex1, cy1 - ey1, cy1 + ey1
    left2, right2, top2, bottom2 = cx2 - ex2, cx2 + ex2, cy2 - ey2, cy2 + ey2
    rows, cols = [], []
    step = max(1, _MASK // max(1, cx2.numel()))
    for start in range(0, props1.size(1), step):
        part = slice(start, start + step)
        meet = left1[part] < right2
        meet &= left2 < right1[part]
        meet &= top1[part] < bottom2
        meet &= top2 < bottom1[part]
        row, col = meet.nonzero(as_tuple=True)
        rows.append(row + start)
        cols.append(col)
    if not rows:
        empty = cx2.new_zeros(0, dtype=torch.long)
        return empty, empty
    return torch.cat(rows), torch.cat(cols)


def _clip(value: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(value, low), high)


def _line_integrals(x: Tensor, y: Tensor, dx: Tensor, dy: Tensor,
                    x_range: tuple[Tensor, Tensor],
                    y_range: tuple[Tensor, Tensor]) -> Tensor:
    """Integrals of y dx along line segments, both clipped to their ranges."""
    bottom, top = y_range
    slope = torch.where(dx == 0, 0, dy / dx)
    start, end = _clip(x, *x_range), _clip(x + dx, *x_range)
    first = torch.addcmul(y, start - x, slope)
    last = torch.addcmul(y, end - x, slope)
    low, high = torch.minimum(first, last), torch.maximum(first, last)
    span = high - low
    low_in, high_in = _clip(low, bottom, top), _clip(high, bottom, top)
    # Parts of the segment above and below the range run along its border.
    above = torch.minimum((high - top).clamp_(min=0), span)
    below = torch.minimum((bottom - low).clamp_(min=0), span)
    total = (high_in - low_in).mul_((high_in + low_in).mul_(0.5))
    total += above.mul_(top).add_(below.mul_(bottom))
    mean = torch.where(span > 0, total / span, low_in)
    return mean.mul_(end - start)


def intersection(p1: Tensor, p2: Tensor) -> Tensor:
    """Areas of intersection of aligned pairs.

    Args:
        p1 (Tensor): ``(9, K)``, from :func:`prepare`.
        p2 (Tensor): ``(9, K)``.

    Returns:
        Tensor: ``(K,)``, between 0 and the smaller of both areas.
    """
    dx, dy = p1[0] - p2[0], p1[1] - p2[1]
    cos1, sin1, cos2, sin2 = p1[4], p1[5], p2[4], p2[5]
    # centre and half axes of box 1 in the frame of box 2
    x, y = dx * cos2 + dy * sin2, dy * cos2 - dx * sin2
    cos = cos1 * cos2 + sin1 * sin2
    sin = sin1 * cos2 - cos1 * sin2
    ux, uy = p1[2] * cos, p1[2] * sin
    vx, vy = -p1[3] * sin, p1[3] * cos
    # Count from the point of box 2 nearest to the centre of box 1: numbers
    # stay as small as the boxes, and a small box in a large one precise.
    near_x, near_y = _clip(x, -p2[2], p2[2]), _clip(y, -p2[3], p2[3])
    x, y = x - near_x, y - near_y
    # From corner -u-v along u, +u-v along v, +u+v along -u, -u+v along -v.
    edge_x = torch.stack([ux, vx, -ux, -vx])  # (4, K)
    edge_y = torch.stack([uy, vy, -uy, -vy])
    corner_x = x - edge_x - torch.stack([vx, -ux, -vx, ux])
    corner_y = y - edge_y - torch.stack([vy, -uy, -vy, uy])
    integrals = _line_integrals(
        corner_x, corner_y, 2 * edge_x, 2 * edge_y,
        (-p2[2] - near_x, p2[2] - near_x), (-p2[3] - near_y, p2[3] - near_y))
    area = integrals.sum(0).abs_()
    return torch.minimum(area, torch.minimum(p1[6], p2[6]))


def pair_ious(props1: Tensor, props2: Tensor, rows: Tensor, cols: Tensor,
              mode: int = 0) -> Tensor:
    """IoU of chosen pairs.

    Args:
        props1 (Tensor): ``(9, N)``, from :func:`prepare`.
        props2 (Tensor): ``(9, M)``.
        rows (Tensor): ``(K,)`` indices into the first boxes.
        cols (Tensor): ``(K,)`` indices into the second boxes.
        mode (int): 0 for IoU, 1 for intersection over the first box.

    Returns:
        Tensor: ``(K,)`` in [0, 1].
    """
    result = props1.new_empty(rows.numel())
    step = _CHUNK.get(props1.device.type, 1 << 18)
    for start in range(0, rows.numel(), step):
        part = slice(start, start + step)
        p1 = props1.index_select(1, rows[part])
        p2 = props2.index_select(1, cols[part])
        common = intersection(p1, p2)
        base = p1[6] if mode else p1[6] + p2[6] - common
        solid = torch.minimum(p1[6], p2[6]) >= _MIN_AREA
        iou = torch.where(solid, common / base, 0)
        # infinite coordinates end here
        result[part] = iou.nan_to_num_(0).clamp_(0, 1)
    return result


@torch.no_grad()
def box_iou_rotated(boxes1: Tensor, boxes2: Tensor, ious: Tensor,
                    mode_flag: int, aligned: bool) -> None:
    """IoU of rotated boxes, written into ``ious``; always in [0, 1].

    A box without area has IoU 0 with everything, where the compiled op
    returns numbers far outside [0, 1].

    Args:
        boxes1 (Tensor): ``(N, 5)`` as cx, cy, w, h, angle in radian.
        boxes2 (Tensor): ``(M, 5)``.
        ious (Tensor): Output with N * M entries, or N if aligned.
        mode_flag (int): 0 for IoU, 1 for intersection over ``boxes1``.
        aligned (bool): Compare row by row.
    """
    props1, props2 = prepare(boxes1), prepare(boxes2)
    if aligned:
        index = torch.arange(boxes1.size(0), device=boxes1.device)
        ious.copy_(pair_ious(props1, props2, index, index, mode_flag))
        return
    rows, cols = candidate_pairs(props1, props2)
    values = pair_ious(props1, props2, rows, cols, mode_flag)
    ious.zero_()
    ious.view(-1)[rows * boxes2.size(0) + cols] = values.to(ious.dtype)
