# Copyright (c) mmeo contributors. All rights reserved.
"""The zip file that DOTA's evaluation server takes.

One text file a class, also for classes without detections. Task 1 (oriented
boxes): ``Task1_{class}.txt`` with lines ``image score x1 y1 x2 y2 x3 y3 x4
y4``; Task 2 (upright boxes): ``Task2_{class}.txt`` with lines ``image score
xmin ymin xmax ymax``.
Source: https://captain-whu.github.io/DOTA/tasks.html
"""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np

from mmeo.errors import ConfigError, DataError

from .box_types import to_box_type

_FORM_OF_TASK = {1: 'qbox', 2: 'hbox'}


def submission_lines(image: str, boxes: np.ndarray,
                     scores: np.ndarray) -> list[str]:
    """Lines of one class in one image.

    Scores keep six decimals: with two, as mmrotate writes them, thousands of
    detections share a score and their order is lost.

    Args:
        image (str): Name without suffix.
        boxes (np.ndarray): ``(n, 8)`` or ``(n, 4)``, in pixels.
        scores (np.ndarray): ``(n,)``.
    """
    return [
        f'{image} {score:.6f} ' + ' '.join(f'{value:.2f}' for value in box)
        for box, score in zip(boxes.tolist(), scores.tolist())
    ]


def write_submission(predictions: Sequence[dict[str, Any]],
                     classes: Sequence[str], folder: Union[str, Path],
                     task: int = 1) -> Path:
    """Write the text files and the zip of all of them.

    Files of an earlier call in the same folder are replaced.

    Args:
        predictions (Sequence[dict]): For each whole image ``img_id``,
            ``bboxes`` ``(n, 4|5|8)``, ``scores`` and ``labels``.
        classes (Sequence[str]): Names, in the order of labels.
        folder (str | Path): Where to; made if absent.
        task (int): 1 for oriented, 2 for upright boxes. Defaults to 1.

    Returns:
        Path: ``FOLDER/NAME.zip``, NAME being that of the folder.

    Raises:
        ConfigError: If there is no such task.
        DataError: If a label has no class, or an image comes twice.
    """
    if task not in _FORM_OF_TASK:
        raise ConfigError(f'task={task}: DOTA has task 1, oriented boxes, and '
                          'task 2, upright boxes')
    _check(predictions, classes)
    lines: list[list[str]] = [[] for _ in classes]
    for result in predictions:
        boxes = to_box_type(result['bboxes'], _FORM_OF_TASK[task])
        for label in np.unique(result['labels']):
            index = np.flatnonzero(result['labels'] == label)
            lines[int(label)] += submission_lines(
                result['img_id'], boxes[index], result['scores'][index])
    folder = Path(os.path.abspath(folder))
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f'{folder.name}.zip'
    with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, rows in zip(classes, lines):
            path = folder / f'Task{task}_{name}.txt'
            path.write_text(''.join(f'{row}\n' for row in rows))
            archive.write(path, path.name)
    return target


def _check(predictions: Sequence[dict[str, Any]],
           classes: Sequence[str]) -> None:
    names = set()
    for result in predictions:
        name, labels = result['img_id'], result['labels']
        if name in names:
            raise DataError(f'image {name} comes twice; merge patches first')
        names.add(name)
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(
                classes):
            raise DataError(f'{name}: labels range from {labels.min()} to '
                            f'{labels.max()}, but there are {len(classes)} '
                            'classes. Name the classes of the training set.')
