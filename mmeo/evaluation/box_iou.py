# Copyright (c) mmeo contributors. All rights reserved.
"""Overlap of upright boxes in any unit, and one-to-one matching by it."""

import numpy as np


def box_iou(first: np.ndarray,
            second: np.ndarray,
            extra: float = 0.) -> np.ndarray:
    """Intersection over union of every pair.

    Args:
        first (np.ndarray): ``(N, 4)`` ``x1, y1, x2, y2``.
        second (np.ndarray): ``(M, 4)``, in the same unit.
        extra (float): Added to every width and height. 0 treats coordinates
            as places on a continuous axis; 1 is the old convention of
            inclusive pixel indices, only of use to repeat other people's
            numbers. Defaults to 0.

    Returns:
        np.ndarray: ``(N, M)`` float64 from 0 to 1; 0 where both boxes are
        empty.
    """
    first = np.asarray(first, np.float64).reshape(-1, 1, 4)
    second = np.asarray(second, np.float64).reshape(1, -1, 4)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    common = (high - low + extra).clip(0).prod(-1)  # (N, M)
    union = _areas(first, extra) + _areas(second, extra) - common
    return np.divide(common, union, out=np.zeros_like(common),
                     where=union > 0)


def _areas(boxes: np.ndarray, extra: float) -> np.ndarray:
    return (boxes[..., 2:] - boxes[..., :2] + extra).clip(0).prod(-1)


def match_greedily(ious: np.ndarray) -> np.ndarray:
    """Pair boxes one to one, the best overlap first (our choice).

    Args:
        ious (np.ndarray): ``(N, M)``.

    Returns:
        np.ndarray: ``(min(N, M),)`` overlaps of the pairs, falling; pairs
        that do not overlap have 0.
    """
    ious, pairs = np.array(ious, np.float64), []
    for _ in range(min(ious.shape)):
        row, column = np.unravel_index(ious.argmax(), ious.shape)
        pairs.append(ious[row, column])
        ious[row], ious[:, column] = -1, -1
    return np.array(pairs)
