# Copyright (c) mmeo contributors. All rights reserved.
"""Which of many boxes can overlap, and by how much, without all pairs.

Boxes are given in one of three forms, in pixels or in any other unit:

- ``'rbox'``: ``(N, 5)`` cx, cy, w, h, angle in radians, positive from the x
  axis to the y axis;
- ``'qbox'``: ``(N, 8)`` x1, y1, ..., x4, y4, convex;
- ``'hbox'``: ``(N, 4)`` x1, y1, x2, y2.

Only pairs of one group (an image, a class, both) whose enclosing upright
boxes meet are looked at. (Our choice.)
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mmeo.errors import ConfigError

BOX_COLUMNS = {'rbox': 5, 'qbox': 8, 'hbox': 4}
# Pairs made at once; bounds the memory in crowded scenes.
_CHUNK = 1 << 22
# Areas below are treated as empty, as in mmcv's compiled op.
_MIN_AREA = 1e-14
# Rounding of the compiled op; a number farther outside [0, 1] is nonsense.
_ROUNDING = 1e-3


def check_box_type(box_type: str) -> None:
    """Raise a ConfigError unless ``box_type`` is one of the three."""
    if box_type not in BOX_COLUMNS:
        raise ConfigError(f'box type {box_type!r}: it is one of '
                          f'{", ".join(map(repr, BOX_COLUMNS))}')


def upright_bounds(boxes: Tensor, box_type: str) -> Tensor:
    """Enclosing upright boxes.

    Args:
        boxes (Tensor): ``(N, 4|5|8)``.
        box_type (str): Their form.

    Returns:
        Tensor: ``(N, 4)`` x1, y1, x2, y2 in float64, so that rounding does
        not part boxes that touch.
    """
    boxes = boxes.double()
    if box_type == 'hbox':
        return boxes
    if box_type == 'qbox':
        points = boxes.reshape(-1, 4, 2)
        return torch.cat((points.amin(1), points.amax(1)), dim=1)
    cx, cy, w, h, angle = boxes.unbind(1)
    cos, sin = angle.cos().abs() / 2, angle.sin().abs() / 2
    w, h = w.clamp(min=0), h.clamp(min=0)
    x, y = w * cos + h * sin, w * sin + h * cos
    return torch.stack((cx - x, cy - y, cx + x, cy + y), dim=1)


def _expand(starts: Tensor, ends: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows i with each number of ``starts[i] .. ends[i] - 1``, in chunks."""
    counts = (ends - starts).clamp_(min=0)
    total = counts.cumsum(0)
    first = 0
    while first < len(counts):
        before = int(total[first - 1]) if first else 0
        last = int(torch.searchsorted(total, before + _CHUNK, right=True))
        last = max(last, first + 1)
        count = counts[first:last]
        rows = torch.repeat_interleave(count)
        begins = total[first:last] - count - before
        within = torch.arange(len(rows), device=rows.device) - begins[rows]
        yield rows + first, starts[first:last][rows] + within
        first = last


def _strips(bounds: Tensor, groups: Tensor, height: Tensor, low: Tensor,
            count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Horizontal strips of the plane that each box touches.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Box and cell (group and strip in one
        number) of each touch, and for each box its first strip.
    """
    first = ((bounds[:, 1] - low) / height).floor().long()
    last = ((bounds[:, 3] - low) / height).floor().long()
    boxes, strips = zip(*_expand(first, last + 1))
    boxes, strips = torch.cat(boxes), torch.cat(strips)
    return boxes, groups[boxes] * count + strips, first


def meeting_pairs(bounds1: Tensor, groups1: Tensor, bounds2: Tensor,
                  groups2: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of one group whose upright boxes share some area.

    The plane is cut into horizontal strips about as high as the mean box, so
    the boxes touch about two strips each, and in each strip the boxes are
    swept from left to right. Coordinates are compared by their ranks, which
    is exact. Time grows with the number of boxes and of pairs returned, as
    long as boxes are small against the scene.

    Args:
        bounds1 (Tensor): ``(N, 4)`` x1, y1, x2, y2. Boxes that are not finite
            meet nothing.
        groups1 (Tensor): ``(N,)`` int64, not negative.
        bounds2 (Tensor): ``(M, 4)``.
        groups2 (Tensor): ``(M,)``.

    Yields:
        tuple[Tensor, Tensor]: Indices into the first and the second boxes,
        each pair once, in no special order.
    """
    fine1 = bounds1.isfinite().all(1).nonzero().squeeze(1)
    fine2 = bounds2.isfinite().all(1).nonzero().squeeze(1)
    if not len(fine1) or not len(fine2):
        return
    bounds1, bounds2 = bounds1[fine1], bounds2[fine2]
    both = torch.cat((bounds1, bounds2))
    low, high = both[:, 1].min(), both[:, 3].max()
    height = (both[:, 3] - both[:, 1]).mean()
    # Boxes without height, or a single far one, must not make it zero.
    height = torch.maximum(height, (high - low) * 1e-5).clamp(min=1e-12)
    count = ((high - low) / height).floor().long() + 2
    box1, cell1, first1 = _strips(bounds1, groups1[fine1], height, low, count)
    box2, cell2, first2 = _strips(bounds2, groups2[fine2], height, low, count)

    # ranks of x1 and x2 among all of them
    ranks = torch.unique(both[:, [0, 2]], return_inverse=True)[1]
    span = int(ranks.max()) + 1
    left1, right1 = ranks[:len(bounds1)].unbind(1)
    left2, right2 = ranks[len(bounds1):].unbind(1)

    def pairs(box_a, cell_a, low_a, high_a, box_b, cell_b, left_b):
        """Boxes a with those b of the cell that start in [low_a, high_a)."""
        key = cell_b * span + left_b[box_b]
        key, order = key.sort()
        starts = torch.searchsorted(key, cell_a * span + low_a[box_a])
        ends = torch.searchsorted(key, cell_a * span + high_a[box_a])
        for rows, cols in _expand(starts, ends):
            yield rows, order[cols]

    def kept(rows, cols):
        """Drop pairs apart in y, and pairs met already in another strip."""
        i, j = box1[rows], box2[cols]
        good = (bounds1[i, 1] < bounds2[j, 3]) & (bounds2[j, 1] <
                                                 bounds1[i, 3])
        # groups are no matter: equal cells mean equal groups
        good &= cell1[rows] % count == torch.maximum(first1[i], first2[j])
        return fine1[i[good]], fine2[j[good]]

    for rows, cols in pairs(box1, cell1, left1, right1, box2, cell2, left2):
        yield kept(rows, cols)
    for cols, rows in pairs(box2, cell2, left2 + 1, right2, box1, cell1,
                            left1):
        yield kept(rows, cols)


def box_areas(boxes: Tensor, box_type: str) -> Tensor:
    """Areas ``(N,)`` of boxes ``(N, 4|5|8)`` in float64; never negative."""
    boxes = boxes.double()
    if box_type == 'qbox':
        return _quad_areas(boxes)
    sizes = boxes[:, 2:4]
    if box_type == 'hbox':
        sizes = sizes - boxes[:, :2]
    return sizes.clamp(min=0).prod(1)


def may_reach(bounds1: Tensor, areas1: Tensor, bounds2: Tensor,
              areas2: Tensor, iou: float) -> Tensor:
    """Whether the IoU of boxes can be as high as ``iou``, row by row.

    Boxes share no more than their upright bounds do, and no more than the
    smaller of them has. It saves most of the costly IoUs.

    Args:
        bounds1 (Tensor): ``(K, 4)`` from :func:`upright_bounds`.
        areas1 (Tensor): ``(K,)`` from :func:`box_areas`.
        bounds2 (Tensor): ``(K, 4)``.
        areas2 (Tensor): ``(K,)``.
        iou (float): In (0, 1].

    Returns:
        Tensor: ``(K,)`` bool; false only where the IoU is lower by 1 %, far
        more than rounding.
    """
    low = torch.maximum(bounds1[:, :2], bounds2[:, :2])
    high = torch.minimum(bounds1[:, 2:], bounds2[:, 2:])
    shared = (high - low).clamp_(min=0).prod(1)
    shared = torch.minimum(shared, torch.minimum(areas1, areas2))
    return shared >= 0.99 * iou * (areas1 + areas2 - shared)


def aligned_ious(boxes1: Tensor, boxes2: Tensor, box_type: str) -> Tensor:
    """IoU of boxes row by row, always in [0, 1].

    mmcv's compiled rotated IoU returns numbers like -1.2e7 for some boxes
    without area; here a box without area, or one that is not finite, has IoU
    0 with everything, and a number outside [0, 1] that is no rounding is 0.

    Args:
        boxes1 (Tensor): ``(K, 4|5|8)``.
        boxes2 (Tensor): The same.
        box_type (str): Their form.

    Returns:
        Tensor: ``(K,)`` float32.
    """
    from mmcv.ops import bbox_overlaps, box_iou_quadri, box_iou_rotated
    boxes1, boxes2 = boxes1.float(), boxes2.float()
    if not len(boxes1):
        return boxes1.new_zeros(0)
    if box_type == 'hbox':
        ious = bbox_overlaps(boxes1, boxes2, aligned=True)
    else:
        op = box_iou_rotated if box_type == 'rbox' else box_iou_quadri
        ious = op(boxes1, boxes2, aligned=True)
    solid = _solid(boxes1, box_type) & _solid(boxes2, box_type)
    sane = (ious >= -_ROUNDING) & (ious <= 1 + _ROUNDING)  # false for NaN
    return torch.where(solid & sane, ious, 0).clamp_(0, 1)


def _solid(boxes: Tensor, box_type: str) -> Tensor:
    """Whether boxes are finite and have an area, ``(K,)`` bool."""
    if box_type == 'rbox':
        w, h = boxes[:, 2], boxes[:, 3]
    elif box_type == 'hbox':
        w, h = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
    else:
        w = h = _quad_areas(boxes).sqrt()
    return (w > 0) & (h > 0) & (w * h >= _MIN_AREA) & boxes.isfinite().all(1)


def _quad_areas(boxes: Tensor) -> Tensor:
    """Areas of quadrilaterals ``(K, 8)`` by the shoelace formula."""
    points = boxes.reshape(-1, 4, 2)
    x, y = (points - points[:, :1]).unbind(2)
    return (x * y.roll(-1, 1) - x.roll(-1, 1) * y).sum(1).abs() / 2
