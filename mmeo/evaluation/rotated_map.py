# Copyright (c) mmeo contributors. All rights reserved.
"""mAP of oriented boxes, with the arguments of mmrotate's eval_rbbox_map."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmeo.geo.box_pairs import BOX_COLUMNS, check_box_type

from .average_precision import evaluate_classes, mean_ap
from .box_matching import Detections, Truths


def gather_detections(boxes: Sequence[np.ndarray],
                      scores: Sequence[np.ndarray],
                      labels: Sequence[np.ndarray],
                      box_type: str) -> Detections:
    """Detections of all images in one.

    Args:
        boxes (Sequence[np.ndarray]): Of each image ``(n, 4|5|8)``.
        scores (Sequence[np.ndarray]): ``(n,)``.
        labels (Sequence[np.ndarray]): ``(n,)``.
        box_type (str): Form of the boxes.
    """
    images = np.repeat(np.arange(len(boxes)), [len(b) for b in boxes])
    empty = np.zeros((0, BOX_COLUMNS[box_type]), np.float32)
    return Detections(
        np.concatenate([empty, *boxes]),
        np.concatenate([empty[:, 0], *scores]),
        np.concatenate([np.zeros(0, int), *labels]).astype(int), images)


def gather_truths(annotations: Sequence[dict[str, Any]], box_type: str,
                  keep_lone_ignored: bool = False) -> Truths:
    """Truths of all images in one.

    Args:
        annotations (Sequence[dict]): Of each image ``bboxes`` ``(n, 4|5|8)``,
            ``labels`` and, where it has ignored boxes, ``bboxes_ignore`` and
            ``labels_ignore``; empty for an image without boxes.
        box_type (str): Form of the boxes.
        keep_lone_ignored (bool): See :func:`eval_rotated_map`. Defaults to
            False.
    """
    columns = BOX_COLUMNS[box_type]
    boxes, labels, counts = [np.zeros((0, columns), np.float32)], [[]], []
    ignored = [np.zeros(0, bool)]
    for annotation in annotations:
        found = [0, 0]
        for hard, suffix in enumerate(('', '_ignore')):
            part = np.reshape(annotation.get(f'bboxes{suffix}', ()),
                              (-1, columns))
            if hard and not found[0] and not keep_lone_ignored:
                part = part[:0]
            found[hard] = len(part)
            boxes.append(part)
            labels.append(annotation.get(f'labels{suffix}', ())[:len(part)])
            ignored.append(np.full(len(part), bool(hard)))
        counts.append(sum(found))
    return Truths(
        np.concatenate(boxes), np.concatenate(ignored),
        np.concatenate(labels).astype(int),
        np.repeat(np.arange(len(counts)), counts))


def eval_rotated_map(det_results: Sequence[Sequence[np.ndarray]],
                     annotations: Sequence[dict[str, Any]],
                     iou_thr: float = 0.5,
                     use_07_metric: bool = True,
                     box_type: str = 'rbox',
                     keep_lone_ignored: bool = False
                     ) -> tuple[float, list[dict[str, Any]]]:
    """mAP as mmrotate's ``eval_rbbox_map`` gives it, in this process.

    Args:
        det_results (Sequence): For each image and class an array ``(n, 6)``:
            box and score (``(n, 9)`` for quadrilaterals, ``(n, 5)`` for
            upright boxes).
        annotations (Sequence[dict]): For each image ``bboxes``, ``labels``,
            ``bboxes_ignore``, ``labels_ignore``.
        iou_thr (float): Least IoU of a match. Defaults to 0.5.
        use_07_metric (bool): 11 points of recall rather than the area.
            Defaults to True.
        box_type (str): 'rbox', 'qbox' or 'hbox'. Defaults to 'rbox'.
        keep_lone_ignored (bool): mmrotate forgets the ignored boxes of an
            image that has no others, so detections on them are false. False
            does the same and gives its numbers; True follows VOC, where they
            do not count. Defaults to False.

    Returns:
        tuple[float, list[dict]]: The mean over classes with truths, in
        [0, 1], and for each class ``num_gts``, ``num_dets``, ``recall``,
        ``precision`` ``(n,)`` and ``ap``.
    """
    check_box_type(box_type)
    num_classes = len(det_results[0])
    rows = [np.concatenate(image) for image in det_results]
    labels = [np.repeat(np.arange(num_classes), [len(c) for c in image])
              for image in det_results]
    dets = gather_detections([r[:, :-1] for r in rows],
                             [r[:, -1] for r in rows], labels, box_type)
    truths = gather_truths(annotations, box_type, keep_lone_ignored)
    mode = '11points' if use_07_metric else 'area'
    results = evaluate_classes(dets, truths, num_classes, [iou_thr], mode,
                               box_type)
    mean = float(mean_ap(results)[0])
    for row in results:
        row.update({key: row[key][0] for key in ('recall', 'precision', 'ap')})
    return mean, results
