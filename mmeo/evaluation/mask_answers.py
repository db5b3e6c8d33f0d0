# Copyright (c) mmeo contributors. All rights reserved.
"""Answers that spell a mask, decoded."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from mmeo.codecs import cell_logprobs, decode_mask
from mmeo.errors import DataError

from .answers import AnswerRecord
from .mask_merge import UNCLAIMED, Box

FIELDS = ('mask', 'image_id', 'classes')


@dataclass
class ClassAnswer:
    """What one answer says about one picture.

    Attributes:
        asked (tuple[int, ...]): Ids of the classes that it was asked for.
        labels (np.ndarray): ``(g, g)`` int, class id of each cell, -1 for
            the background word.
        scores (np.ndarray or None): ``(g, g)`` float, mean log-probability
            of the tokens that spell a cell.
    """

    asked: tuple[int, ...]
    labels: np.ndarray
    scores: Optional[np.ndarray] = None


def require_fields(record: AnswerRecord) -> None:
    """Check that a record can be scored.

    Raises:
        DataError: If it lacks a field of the truth.
    """
    absent = [name for name in FIELDS if not record.annotation.get(name)]
    if absent:
        raise DataError(
            f'{record.source}: the record has no {" and ".join(absent)}: '
            'convert the test set with --truth')


def tile_of(annotation: Mapping[str, Any]) -> Optional[Box]:
    """The window of the label that a record is about, None for all of it."""
    tile = annotation.get('tile')
    return Box(*tile) if tile else None


def decode_answer(record: AnswerRecord, classes: tuple[str, ...], grid: int,
                  background: str, counts: Counter) -> ClassAnswer:
    """Decode an answer about one class or about several.

    Args:
        record (AnswerRecord): ``class_name`` of its annotation is the class
            asked for; without one all were.
        classes (tuple[str, ...]): Names in order of their ids.
        grid (int): Cells along a side.
        background (str): What the answer calls cells of no class.
        counts (Counter): ``invalid`` (no run at all), ``repaired`` (any flaw
            that was mended), ``truncated`` (rows lacking) and
            ``unknown_labels`` go up.

    Returns:
        ClassAnswer: The claims.
    """
    name = record.annotation.get('class_name')
    asked = (classes.index(name), ) if name else tuple(
        i for i, other in enumerate(classes) if other != background)
    text = decode_mask(record.answer,
                       [background, *(classes[i] for i in asked)], grid)
    counts['invalid'] += not text.readable
    counts['repaired'] += text.readable and not text.valid
    counts['truncated'] += text.truncated
    counts['unknown_labels'] += bool(text.unknown)
    labels = np.array([UNCLAIMED, *asked])[text.mask]
    scores = None
    if record.pieces and record.logprobs:
        scores = cell_logprobs(record.pieces, record.logprobs, grid)
    return ClassAnswer(asked, labels, scores)
