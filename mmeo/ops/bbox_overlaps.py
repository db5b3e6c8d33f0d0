# Copyright (c) mmeo contributors. All rights reserved.
"""Overlap of axis-aligned boxes."""

import torch
from torch import Tensor


def pairwise_overlap(boxes1: Tensor, boxes2: Tensor, offset: int) -> Tensor:
    """Intersection areas of boxes that broadcast against each other.

    Args:
        boxes1 (Tensor): ``(..., 4)`` as x1, y1, x2, y2.
        boxes2 (Tensor): ``(..., 4)``.
        offset (int): Added to each side; 1 where coordinates are pixels.

    Returns:
        Tensor: ``(...)`` areas.
    """
    low = torch.maximum(boxes1[..., :2], boxes2[..., :2])
    high = torch.minimum(boxes1[..., 2:], boxes2[..., 2:])
    return (high - low + offset).clamp(min=0).prod(-1)


def areas(boxes: Tensor, offset: int) -> Tensor:
    return (boxes[..., 2:4] - boxes[..., :2] + offset).prod(-1)


@torch.no_grad()
def bbox_overlaps(bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode: int,
                  aligned: bool, offset: int) -> None:
    """IoU, or intersection over the first box, written into ``ious``.

    Unlike the compiled op, an empty union gives 0 and not NaN.

    Args:
        bboxes1 (Tensor): ``(M, 4)``.
        bboxes2 (Tensor): ``(N, 4)``.
        ious (Tensor): Output, ``(M, N)``, or ``(M,)`` if aligned.
        mode (int): 0 for IoU, 1 for intersection over foreground.
        aligned (bool): Compare row by row.
        offset (int): 0 or 1, added to widths and heights.
    """
    if not aligned:
        bboxes1 = bboxes1[:, None]
    overlap = pairwise_overlap(bboxes1, bboxes2, offset)
    base = areas(bboxes1, offset)
    if mode == 0:
        base = base + areas(bboxes2, offset) - overlap
    result = torch.where(base > 0, overlap / base, overlap.new_zeros(()))
    ious.copy_(result)
