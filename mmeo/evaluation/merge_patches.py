# Copyright (c) mmeo contributors. All rights reserved.
"""Results of overlapping patches put together to those of whole images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch

from mmeo.datasets.dota_text import read_dota
from mmeo.errors import ConfigError, MissingDataError
from mmeo.geo.merge_boxes import merge_nms
from mmeo.geo.patches import boxes_to_image, parse_patch_name

from .box_types import to_box_type

# Copies of one truth in two patches agree up to the rounding of label files.
_SAME_TRUTH = 0.8


def merge_predictions(predictions: Sequence[dict[str, Any]], iou_thr: float,
                      box_type: str) -> list[dict[str, Any]]:
    """Predictions for whole images out of those for their patches.

    Boxes move into the frame of the image; of boxes of a class that overlap
    by at least ``iou_thr`` the best one stays.

    Args:
        predictions (Sequence[dict]): For each patch ``img_id`` (its name),
            ``bboxes`` ``(n, 4|5|8)`` in its pixels, ``scores``, ``labels``.
        iou_thr (float): In (0, 1].
        box_type (str): Form of the boxes.

    Returns:
        list[dict]: The same for each image, in the order of their first
        patches; boxes by class, then by falling score.

    Raises:
        DataError: If an ``img_id`` is no name of a patch.
    """
    patches = [parse_patch_name(p['img_id']) for p in predictions]
    names = list(dict.fromkeys(patch.image for patch in patches))
    if not names:
        return []
    number = {name: i for i, name in enumerate(names)}
    boxes = np.concatenate([
        boxes_to_image(p['bboxes'], patch, box_type)
        for p, patch in zip(predictions, patches)])
    scores = np.concatenate([p['scores'] for p in predictions])
    labels = np.concatenate([p['labels'] for p in predictions]).astype(int)
    images = np.repeat([number[patch.image] for patch in patches],
                       [len(p['scores']) for p in predictions])
    groups = images * (int(labels.max(initial=0)) + 1) + labels
    kept = merge_nms(torch.from_numpy(boxes), torch.from_numpy(scores),
                     iou_thr, torch.from_numpy(groups), box_type).numpy()
    bounds = np.searchsorted(images[kept], np.arange(len(names) + 1))
    return [
        dict(img_id=name, bboxes=boxes[part], scores=scores[part],
             labels=labels[part])
        for name, part in zip(names, np.split(kept, bounds[1:-1]))
    ]


def merge_truths(annotations: Sequence[dict[str, Any]], names: Sequence[str],
                 box_type: str) -> dict[str, dict[str, Any]]:
    """Truths of whole images out of those of their patches.

    A truth that lies in several patches is counted once, and as not ignored
    if one of them does so. This takes patches that hold whole boxes, also of
    objects at their border; clipped boxes stay apart. The label files of the
    whole images (:func:`read_truths`) are safer.

    Args:
        annotations (Sequence[dict]): For each patch ``bboxes``, ``labels``,
            ``bboxes_ignore``, ``labels_ignore``, or nothing.
        names (Sequence[str]): Name of each patch.
        box_type (str): Form of the boxes.

    Returns:
        dict[str, dict]: The same for each image.
    """
    found: dict[str, list[tuple]] = {}
    for annotation, name in zip(annotations, names):
        patch = parse_patch_name(name)
        parts = found.setdefault(patch.image, [])
        for suffix in ('', '_ignore') if annotation else ():
            boxes = boxes_to_image(annotation[f'bboxes{suffix}'], patch,
                                   box_type)
            parts.append((boxes, annotation[f'labels{suffix}'],
                          np.full(len(boxes), bool(suffix))))
    return {name: _unique_truths(parts, box_type) if parts else {}
            for name, parts in found.items()}


def _unique_truths(parts: list[tuple], box_type: str) -> dict[str, Any]:
    boxes, labels, ignored = map(np.concatenate, zip(*parts))
    kept = merge_nms(
        torch.from_numpy(boxes), torch.from_numpy(1 - ignored.astype('f4')),
        _SAME_TRUTH, torch.from_numpy(labels.astype(int)), box_type).numpy()
    # merge_nms orders them by class; give them back as they came
    kept = np.sort(kept)
    good, other = kept[~ignored[kept]], kept[ignored[kept]]
    return dict(bboxes=boxes[good], labels=labels[good],
                bboxes_ignore=boxes[other], labels_ignore=labels[other])


def read_truths(folder: Union[str, Path], names: Sequence[str],
                classes: Sequence[str], box_type: str,
                diff_thr: int = 100) -> dict[str, dict[str, Any]]:
    """Truths of whole images from DOTA label files.

    Args:
        folder (str | Path): Folder of ``NAME.txt``.
        names (Sequence[str]): Images.
        classes (Sequence[str]): Classes in the order of labels; objects of
            others are left out.
        box_type (str): Form of the boxes to return.
        diff_thr (int): Objects of a higher difficulty are ignored. Defaults
            to 100, none.

    Returns:
        dict[str, dict]: For each image ``bboxes``, ``labels``,
        ``bboxes_ignore``, ``labels_ignore``.

    Raises:
        MissingDataError: If a file is absent.
        ConfigError: If not one object is of the given classes.
    """
    label_of = {name: i for i, name in enumerate(classes)}
    truths, objects, others = {}, 0, set()
    for name in names:
        path = Path(folder) / f'{name}.txt'
        if not path.is_file():
            raise MissingDataError(
                f'{path} is missing: `ann_file` of RotatedAPMetric is the '
                'folder of label files of the whole images, not the patches')
        items = read_dota(path).objects
        objects += len(items)
        others |= {item.name for item in items} - set(label_of)
        items = [item for item in items if item.name in label_of]
        corners = np.array([item.corners for item in items], np.float32)
        boxes = to_box_type(corners.reshape(-1, 8), box_type)
        labels = np.array([label_of[item.name] for item in items], int)
        hard = np.array([item.difficulty > diff_thr for item in items], bool)
        truths[name] = dict(
            bboxes=boxes[~hard], labels=labels[~hard],
            bboxes_ignore=boxes[hard], labels_ignore=labels[hard])
    if objects and not any(len(t['labels']) + len(t['labels_ignore'])
                           for t in truths.values()):
        raise ConfigError(f'{folder}: no object is of the classes '
                          f'{list(classes)}; there are {sorted(others)}')
    return truths
