# Copyright (c) mmeo contributors. All rights reserved.
"""Non-maximum suppression for very many boxes: whole scenes, whole sets."""

from typing import NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor

from mmeo.errors import ConfigError

from .box_pairs import (
    aligned_ious,
    box_areas,
    check_box_type,
    may_reach,
    meeting_pairs,
    upright_bounds,
)

# The best boxes decide first, then four times as many, and so on: in crowds
# most boxes are gone before their IoUs would be computed.
_FIRST_BLOCK, _GROWTH = 256, 4


def _rank(scores: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Order by falling score inside each group.

    Each group is sorted by the call of mmcv's NMS ops. It is not stable:
    another sort would keep other boxes of a tie.

    Returns:
        tuple[Tensor, Tensor]: Indices, group after group, and their ranks.
    """
    by_group = torch.argsort(groups, stable=True)
    _, sizes = torch.unique_consecutive(groups[by_group], return_counts=True)
    order, ranks = [], []
    for index in by_group.split(sizes.tolist()):
        order.append(index[scores[index].sort(dim=0, descending=True)[1]])
        ranks.append(torch.arange(len(index), device=index.device))
    return torch.cat(order), torch.cat(ranks)


class _Boxes(NamedTuple):
    """Boxes in the order in which they decide, and what is known of them."""
    boxes: Tensor  # (N, 4|5|8)
    groups: Tensor  # (N,)
    bounds: Tensor  # (N, 4)
    areas: Tensor  # (N,)
    box_type: str
    iou_thr: float


def _overlapping(all_: _Boxes, first: Tensor,
                 second: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of positions ``first < second`` that overlap too much."""
    boxes, groups, bounds, areas, box_type, iou_thr = all_
    found = []
    for rows, cols in meeting_pairs(bounds[first], groups[first],
                                    bounds[second], groups[second]):
        rows, cols = first[rows], second[cols]
        rows, cols = rows[rows < cols], cols[rows < cols]
        near = may_reach(bounds[rows], areas[rows], bounds[cols], areas[cols],
                         iou_thr)
        rows, cols = rows[near], cols[near]
        ious = aligned_ious(boxes[rows], boxes[cols], box_type)
        hit = ious >= iou_thr
        found.append(torch.stack((rows[hit], cols[hit])))
    if not found:
        return np.zeros(0, int), np.zeros(0, int)
    rows, cols = torch.cat(found, dim=1).cpu().numpy()
    return rows, cols


def _decide(rows: np.ndarray, cols: np.ndarray, alive: np.ndarray) -> None:
    """Greedy decision in order of position; changes ``alive``."""
    order = np.argsort(rows, kind='stable')
    leaders, starts = np.unique(rows[order], return_index=True)
    ends = np.append(starts[1:], len(rows))
    cols = cols[order]
    for leader, start, end in zip(leaders, starts, ends):
        if alive[leader]:
            alive[cols[start:end]] = False


def merge_nms(boxes: Tensor, scores: Tensor, iou_thr: float,
              groups: Optional[Tensor] = None,
              box_type: str = 'rbox') -> Tensor:
    """Indices of the boxes that greedy suppression keeps.

    Keeps the boxes that ``mmcv.ops.nms_rotated`` (``nms_quadri``) keeps on
    each group, in the same order, without looking at all pairs. A box without
    area neither suppresses nor is suppressed.

    Args:
        boxes (Tensor): ``(N, 4|5|8)``, on any device.
        scores (Tensor): ``(N,)``.
        iou_thr (float): A box that overlaps a better one of its group by at
            least this goes; in (0, 1].
        groups (Tensor, optional): ``(N,)`` integers: boxes of different
            groups (classes, images) never meet. Defaults to None, one group.
        box_type (str): 'rbox', 'qbox' or 'hbox'. Defaults to 'rbox'.

    Returns:
        Tensor: ``(K,)`` indices by rising group, then by falling score.

    Raises:
        ConfigError: If ``iou_thr`` or ``box_type`` is impossible.
    """
    check_box_type(box_type)
    if not 0 < iou_thr <= 1:
        raise ConfigError(f'merge_nms: iou_thr={iou_thr} is not in (0, 1]')
    if groups is None:
        groups = torch.zeros_like(scores, dtype=torch.long)
    if not len(boxes):
        return torch.zeros(0, dtype=torch.long, device=boxes.device)
    groups = torch.unique(groups, return_inverse=True)[1]
    order, ranks = _rank(scores, groups)
    # positions: the best box of every group first, then the second of each
    sequence = torch.argsort(ranks, stable=True)
    boxes, groups = boxes[order][sequence], groups[order][sequence]
    alive = _survivors(boxes, groups, float(np.float32(iou_thr)), box_type)
    kept = torch.empty_like(alive)
    kept[sequence] = alive
    return order[kept]


def _survivors(boxes: Tensor, groups: Tensor, iou_thr: float,
               box_type: str) -> Tensor:
    """Which boxes stay, ``(N,)`` bool; earlier ones suppress later ones."""
    all_ = _Boxes(boxes, groups, upright_bounds(boxes, box_type),
                  box_areas(boxes, box_type), box_type, iou_thr)
    alive = np.ones(len(boxes), dtype=bool)

    def living(start: int, stop: int) -> Tensor:
        index = np.flatnonzero(alive[start:stop]) + start
        return torch.from_numpy(index).to(boxes.device)

    start, size = 0, _FIRST_BLOCK
    while start < len(boxes):
        stop = min(start + size, len(boxes))
        block = living(start, stop)
        _decide(*_overlapping(all_, block, block), alive)
        _, cols = _overlapping(all_, living(start, stop),
                               living(stop, len(boxes)))
        alive[cols] = False
        start, size = stop, size * _GROWTH
    return torch.from_numpy(alive).to(boxes.device)
