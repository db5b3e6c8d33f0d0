# Copyright (c) mmeo contributors. All rights reserved.
"""Matching of detections with truths by the rule of PASCAL VOC.

All images and classes are matched at once: a group is one class of one image.
In order of falling score a detection takes the truth of its group that it
overlaps most. A second one on the same truth is false; one on an ignored box
counts neither way.
"""

from typing import NamedTuple

import numpy as np
import torch

from mmeo.geo.box_pairs import (
    aligned_ious,
    box_areas,
    may_reach,
    meeting_pairs,
    upright_bounds,
)


class Detections(NamedTuple):
    """Detections of a whole data set, those of an image one after another."""
    boxes: np.ndarray  # (N, 4|5|8)
    scores: np.ndarray  # (N,)
    labels: np.ndarray  # (N,) int64
    images: np.ndarray  # (N,) int64, rising


class Truths(NamedTuple):
    """Truths of a whole data set; in an image, ignored boxes come last."""
    boxes: np.ndarray  # (M, 4|5|8)
    ignored: np.ndarray  # (M,) bool
    labels: np.ndarray  # (M,) int64
    images: np.ndarray  # (M,) int64, rising


def groups_of(boxes: Detections | Truths, num_classes: int) -> np.ndarray:
    """Number of each box's group, image and class in one, ``(N,)``."""
    return boxes.images * num_classes + boxes.labels


def ranks_in_groups(scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Rank of each detection by falling score among those of its group.

    The sort is the call that mmrotate makes. It is not stable, so only the
    same call on the same numbers orders equal scores the same way.
    """
    ranks = np.zeros(len(scores), dtype=np.int64)
    by_group = np.argsort(groups, kind='stable')
    starts = np.flatnonzero(np.diff(groups[by_group], prepend=-1))
    ends = np.append(starts[1:], len(groups))
    for start, end in zip(starts.tolist(), ends.tolist()):
        if end - start > 1:
            index = by_group[start:end]
            ranks[index[np.argsort(-scores[index])]] = np.arange(end - start)
    return ranks


def best_truths(dets: Detections, truths: Truths, num_classes: int,
                least: float, box_type: str) -> tuple[np.ndarray, np.ndarray]:
    """The truth that each detection overlaps most.

    Args:
        dets (Detections): All detections.
        truths (Truths): All truths.
        num_classes (int): Number of classes.
        least (float): A lower IoU is as good as none.
        box_type (str): Form of both.

    Returns:
        tuple[np.ndarray, np.ndarray]: Index of the truth, the first of equal
        ones and M where there is none, and the IoU, float32 ``(N,)``; right
        where it is at least ``least``.
    """
    best = np.zeros(len(dets.boxes), dtype=np.float32)
    index = np.full(len(dets.boxes), len(truths.boxes), dtype=np.int64)
    boxes1, boxes2 = map(_tensor, (dets.boxes, truths.boxes))
    bounds1, bounds2 = (upright_bounds(b, box_type) for b in (boxes1, boxes2))
    areas1, areas2 = (box_areas(b, box_type) for b in (boxes1, boxes2))
    found = []
    for rows, cols in meeting_pairs(
            bounds1, torch.from_numpy(groups_of(dets, num_classes)),
            bounds2, torch.from_numpy(groups_of(truths, num_classes))):
        near = may_reach(bounds1[rows], areas1[rows], bounds2[cols],
                         areas2[cols], least)
        rows, cols = rows[near], cols[near]
        ious = aligned_ious(boxes1[rows], boxes2[cols], box_type).numpy()
        rows, cols = rows.numpy(), cols.numpy()
        np.maximum.at(best, rows, ious)
        # later chunks may hold better ones; drop what is no longer best
        top = (ious == best[rows]) & (ious > 0)
        found.append((rows[top], cols[top], ious[top]))
    for rows, cols, ious in found:
        top = ious == best[rows]
        np.minimum.at(index, rows[top], cols[top])
    return index, best


def _tensor(boxes: np.ndarray) -> torch.Tensor:
    """As float32, in which mmrotate compares boxes as well."""
    return torch.from_numpy(np.ascontiguousarray(boxes, dtype=np.float32))


def match(dets: Detections, truths: Truths, num_classes: int,
          iou_thrs: list[float],
          box_type: str = 'rbox') -> tuple[np.ndarray, np.ndarray]:
    """True and false positives at several thresholds.

    Args:
        dets (Detections): All detections.
        truths (Truths): All truths.
        num_classes (int): Number of classes.
        iou_thrs (list[float]): Least IoU of a match, each in (0, 1].
        box_type (str): 'rbox', 'qbox' or 'hbox'. Defaults to 'rbox'.

    Returns:
        tuple[np.ndarray, np.ndarray]: tp and fp, ``(T, N)`` bool each.
        Neither is set where a detection meets an ignored box.
    """
    index, overlap = best_truths(dets, truths, num_classes,
                                 min(map(float, iou_thrs)), box_type)
    ranks = ranks_in_groups(dets.scores, groups_of(dets, num_classes))
    counted = np.append(~truths.ignored, False)[index]
    tp = np.zeros((len(iou_thrs), len(ranks)), dtype=bool)
    fp = np.zeros_like(tp)
    for i, iou_thr in enumerate(iou_thrs):
        hit = overlap >= float(iou_thr)
        rows = np.flatnonzero(hit & counted)
        first = np.full(len(truths.boxes) + 1, len(ranks))
        np.minimum.at(first, index[rows], ranks[rows])
        tp[i, rows] = ranks[rows] == first[index[rows]]
        fp[i] = ~hit | (counted & ~tp[i])
    return tp, fp
