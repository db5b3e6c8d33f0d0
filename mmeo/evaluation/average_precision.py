# Copyright (c) mmeo contributors. All rights reserved.
"""Average precision of detections, in the definitions that are in use."""

from typing import Any

import numpy as np

from mmeo.errors import ConfigError

from .box_matching import Detections, Truths, match

# Points of recall at which precision is read; 'area' reads it everywhere.
RECALL_POINTS = {'11points': np.arange(0, 1 + 1e-3, 0.1),
                 '101points': np.linspace(0, 1, 101), 'area': None}
COCO_IOU_THRS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))


def average_precision(recalls: np.ndarray, precisions: np.ndarray,
                      mode: str = 'area') -> float:
    """Mean of the best precision at or beyond a recall.

    Args:
        recalls (np.ndarray): ``(N,)``, rising, in [0, 1].
        precisions (np.ndarray): ``(N,)``, in [0, 1].
        mode (str): 'area' (VOC since 2010: all recalls), '11points' (VOC
            2007: 0, 0.1, ..., 1) or '101points' (COCO: 0, 0.01, ..., 1).
            Defaults to 'area'.

    Returns:
        float: In [0, 1]; equal to mmdet's for the first two.

    Raises:
        ConfigError: If ``mode`` is none of them.
    """
    if mode not in RECALL_POINTS:
        raise ConfigError(f'eval_mode={mode!r}: it is one of '
                          f'{", ".join(map(repr, RECALL_POINTS))}')
    if not len(recalls):
        return 0.0
    # best precision at this recall or beyond
    envelope = np.maximum.accumulate(precisions[::-1])[::-1]
    points = RECALL_POINTS[mode]
    if points is None:
        steps = np.diff(recalls, prepend=0.0)
        return float(np.float32(np.sum(steps * envelope)))
    at = np.searchsorted(recalls, points, side='left')
    values = np.append(envelope, 0).astype(np.float32)[at]
    return float(values.sum(dtype=np.float64) / len(points))


def class_curves(dets: Detections, num_gts: int, tp: np.ndarray,
                 fp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recalls and precisions ``(T, n)`` of one class by falling score.

    Args:
        dets (Detections): Those of the class.
        num_gts (int): Its truths that are not ignored.
        tp (np.ndarray): ``(T, n)`` bool.
        fp (np.ndarray): ``(T, n)`` bool.
    """
    order = np.argsort(-dets.scores)  # mmrotate's call: see ranks_in_groups
    tp = np.cumsum(tp[:, order], axis=1)
    fp = np.cumsum(fp[:, order], axis=1)
    # detections on ignored boxes only may leave both counts at zero
    return tp / max(num_gts, 1), tp / np.maximum(tp + fp, 1)


def evaluate_classes(dets: Detections, truths: Truths, num_classes: int,
                     iou_thrs: list[float], mode: str = '11points',
                     box_type: str = 'rbox') -> list[dict[str, Any]]:
    """AP of every class at several IoU thresholds.

    Args:
        dets (Detections): All detections.
        truths (Truths): All truths.
        num_classes (int): Number of classes.
        iou_thrs (list[float]): Thresholds, each in (0, 1].
        mode (str): See :func:`average_precision`. Defaults to '11points'.
        box_type (str): 'rbox', 'qbox' or 'hbox'. Defaults to 'rbox'.

    Returns:
        list[dict]: For each class ``num_gts`` (not ignored), ``num_dets``,
        and for each threshold ``recall``, ``precision`` ``(T, n)`` and
        ``ap`` ``(T,)``.
    """
    tp, fp = match(dets, truths, num_classes, iou_thrs, box_type)
    by_label = np.argsort(dets.labels, kind='stable')
    bounds = np.searchsorted(dets.labels[by_label], np.arange(num_classes + 1))
    rows = []
    for label in range(num_classes):
        index = by_label[bounds[label]:bounds[label + 1]]
        num_gts = int(((truths.labels == label) & ~truths.ignored).sum())
        recall, precision = class_curves(
            Detections(*(field[index] for field in dets)), num_gts,
            tp[:, index], fp[:, index])
        aps = [average_precision(r, p, mode)
               for r, p in zip(recall, precision)]
        rows.append(dict(num_gts=num_gts, num_dets=len(index), recall=recall,
                         precision=precision, ap=np.array(aps)))
    return rows


def mean_ap(rows: list[dict[str, Any]]) -> np.ndarray:
    """Mean AP ``(T,)`` over the classes that have truths; 0 if none has."""
    aps = [row['ap'] for row in rows if row['num_gts']]
    return np.mean(aps, axis=0) if aps else np.zeros_like(rows[0]['ap'])
