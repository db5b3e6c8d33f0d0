# Copyright (c) mmeo contributors. All rights reserved.
"""Scores of label maps from one confusion matrix, by mmseg's arithmetic."""

from typing import Union

import numpy as np

from .change_metric import confusion


def claims_confusion(pred: np.ndarray, truth: np.ndarray,
                     num_classes: int) -> np.ndarray:
    """Confusion of a map that may leave pixels unclaimed.

    Counts are integers: mmseg's are float32, whose sums stop being exact
    beyond 16.7 million pixels.

    Args:
        pred (np.ndarray): ``(h, w)`` ids below K, or K for no class.
        truth (np.ndarray): ``(h, w)`` ids below K, 255 does not count.
        num_classes (int): K.

    Returns:
        np.ndarray: ``(K, K + 1)`` int64, rows true; the last column holds
        unclaimed pixels.
    """
    return confusion(pred, truth, num_classes + 1)[:num_classes]


def class_ious(matrix: np.ndarray) -> np.ndarray:
    """IoU of each class.

    Args:
        matrix (np.ndarray): ``(K, K or more)``, rows true.

    Returns:
        np.ndarray: ``(K, )`` in [0, 1]; nan for a class in neither map.
    """
    hit = np.diagonal(matrix).astype(np.float64)
    union = matrix.sum(1) + matrix.sum(0)[:len(matrix)] - hit
    return np.divide(hit, union, out=np.full_like(hit, np.nan),
                     where=union > 0)


def resolve_unclaimed(matrix: np.ndarray,
                      target: Union[int, str]) -> np.ndarray:
    """Let unclaimed pixels count as they are to.

    Args:
        matrix (np.ndarray): ``(K, K + 1)`` of :func:`claims_confusion`.
        target (int or str): Class that they become, 'wrong' or 'ignored'.

    Returns:
        np.ndarray: ``(K, K + 1)``; without its last column where they are
        ignored.
    """
    if target == 'ignored':
        return matrix[:, :-1]
    if target == 'wrong':
        return matrix
    moved = matrix.copy()
    moved[:, target] += moved[:, -1]
    moved[:, -1] = 0
    return moved


def share_percent(part: np.ndarray, whole: np.ndarray) -> float:
    """Sum of the counts in ``part`` in percent of ``whole``; nan of none."""
    total = whole.sum()
    return float(100 * part.sum() / total) if total else float('nan')


def mean_percent(values: np.ndarray) -> float:
    """Mean over the entries that are not nan, in percent."""
    seen = values[~np.isnan(values)]
    return float(100 * seen.mean()) if len(seen) else float('nan')
