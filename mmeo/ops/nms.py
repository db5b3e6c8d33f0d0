# Copyright (c) mmeo contributors. All rights reserved.
"""Greedy, soft and matching suppression of axis-aligned boxes."""

import numpy as np
import torch
from torch import Tensor

_GAUSSIAN, _LINEAR = 2, 1


def working_dtype(tensor: Tensor) -> torch.dtype:
    """Half precision is computed in float32, the rest as it is."""
    half = tensor.dtype in (torch.float16, torch.bfloat16)
    return torch.float32 if half else tensor.dtype


def best_first(scores: Tensor) -> Tensor:
    """Indices by falling score, equal scores as the compiled ops order them.

    They call this very sort, which is not stable: a stable one would keep
    other boxes of a tie than the compiled op does.
    """
    return scores.sort(dim=0, descending=True)[1]


@torch.no_grad()
def nms(boxes: Tensor, scores: Tensor, iou_threshold: float,
        offset: int) -> Tensor:
    """Indices that greedy suppression keeps, best score first.

    Args:
        boxes (Tensor): ``(N, 4)`` as x1, y1, x2, y2.
        scores (Tensor): ``(N,)``.
        iou_threshold (float): Boxes that overlap a better one by more go.
        offset (int): 0 or 1, added to widths and heights.

    Returns:
        Tensor: ``(K,)`` indices, int64.
    """
    import torchvision
    boxes = boxes.to(working_dtype(boxes))
    if offset:
        # Growing x2, y2 by the offset gives the sizes the offset means.
        boxes = torch.cat([boxes[:, :2], boxes[:, 2:] + offset], dim=1)
    # The compiled op compares with a float32 threshold: 0.3 must not become
    # smaller than an IoU of float32(0.3).
    threshold = float(np.float32(iou_threshold))
    order = best_first(scores)
    boxes, scores = boxes[order], scores[order].to(boxes.dtype)
    return order[torchvision.ops.nms(boxes, scores, threshold)]


def _weights(overlap: np.ndarray, threshold: float, sigma: float,
             method: int) -> np.ndarray:
    """Factors by which soft-NMS lowers scores (Bodla et al. 2017, eq. 2-3)."""
    if method == _GAUSSIAN:
        return np.exp(overlap * overlap * np.float32(-1 / sigma))
    lowered = 1 - overlap if method == _LINEAR else np.float32(0)
    return np.where(overlap >= np.float32(threshold), lowered, np.float32(1))


def _drop(data: np.ndarray, start: int, end: int, keep: np.ndarray) -> int:
    """Fill holes of columns start..end from the tail, in place.

    The compiled op does the same one by one; the order it leaves decides
    which of two equal scores comes first.
    """
    count = int(keep.sum())
    holes = np.flatnonzero(~keep[:count])
    tail = count + np.flatnonzero(keep[count:])[::-1]
    data[:, start + holes] = data[:, start + tail]
    return start + count


@torch.no_grad()
def softnms(boxes: Tensor, scores: Tensor, dets: Tensor, iou_threshold: float,
            sigma: float, min_score: float, method: int,
            offset: int) -> Tensor:
    """Lower the scores of overlapping boxes instead of removing them.

    Works in numpy on the CPU, as the compiled op does: it is a sequence of
    tiny steps, where torch's call overhead would dominate.

    Args:
        boxes (Tensor): ``(N, 4)`` as x1, y1, x2, y2, on the CPU.
        scores (Tensor): ``(N,)``.
        dets (Tensor): Output ``(N, 5)``; the first K rows are boxes with
            their new scores.
        iou_threshold (float): Used by the naive and the linear method.
        sigma (float): Used by the Gaussian method.
        min_score (float): Boxes that fall below are dropped.
        method (int): 0 naive, 1 linear, 2 Gaussian.
        offset (int): 0 or 1, added to widths and heights.

    Returns:
        Tensor: ``(K,)`` indices, int64.
    """
    size = boxes.size(0)
    if size == 0:
        return torch.zeros(0, dtype=torch.long)
    offset = np.float32(offset)
    # rows: x1, y1, x2, y2, score, area
    data = np.empty((6, size), dtype=np.float32)
    data[:4] = boxes.float().numpy().T
    data[4] = scores.float().numpy()
    data[5] = (data[2] - data[0] + offset) * (data[3] - data[1] + offset)
    index = np.arange(size)[None]
    end, i = size, 0
    while i < end:
        best = i + int(data[4, i:end].argmax())
        if best != i:
            data[:, [i, best]] = data[:, [best, i]]
            index[:, [i, best]] = index[:, [best, i]]
        i += 1
        x1, y1, x2, y2, _, area = data[:, i - 1]
        rest = data[:, i:end]
        width = np.minimum(rest[2], x2)
        width -= np.maximum(rest[0], x1)
        height = np.minimum(rest[3], y2)
        height -= np.maximum(rest[1], y1)
        overlap = np.maximum(width + offset, 0)
        overlap *= np.maximum(height + offset, 0)
        union = area + rest[5] - overlap
        # two boxes without area: 0 stays, instead of NaN
        np.divide(overlap, union, out=overlap, where=union > 0)
        rest[4] *= _weights(overlap, iou_threshold, sigma, method)
        keep = ~(rest[4] < np.float32(min_score))
        if not keep.all():
            _drop(index, i, end, keep)
            end = _drop(data, i, end, keep)
    dets[:end] = torch.from_numpy(data[:5, :end].T.copy()).to(dets.dtype)
    return torch.from_numpy(index[0, :end].copy())


@torch.no_grad()
def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Groups of boxes: each kept one followed by those it suppresses.

    Args:
        dets (Tensor): ``(N, 5)`` as x1, y1, x2, y2, score, on the CPU.
        iou_threshold (float): Boxes that overlap by at least this match.

    Returns:
        list[list[int]]: Groups, best score first inside and between them.
    """
    order = best_first(dets[:, 4]).numpy()
    x1, y1, x2, y2 = dets[:, :4].to(working_dtype(dets)).numpy().T[:, order]
    area = (x2 - x1) * (y2 - y1)
    # rows: x1, y1, x2, y2, area; columns shrink to the boxes still free
    free = np.stack([x1, y1, x2, y2, area])
    groups = []
    while order.size:
        left, top, right, bottom, own = free[:, 0]
        width = np.minimum(free[2], right)
        width -= np.maximum(free[0], left)
        height = np.minimum(free[3], bottom)
        height -= np.maximum(free[1], top)
        overlap = np.maximum(width, 0)
        overlap *= np.maximum(height, 0)
        union = own + free[4] - overlap
        np.divide(overlap, union, out=overlap, where=union > 0)
        matched = overlap >= np.float32(iou_threshold)
        matched[0] = True  # itself, even without area
        groups.append(order[matched].tolist())
        rest = ~matched
        free, order = free[:, rest], order[rest]
    return groups
