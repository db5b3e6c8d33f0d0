# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes of raw data as text in parts of the image."""

import math
from collections.abc import Sequence
from typing import Optional

import numpy as np

from mmeo.codecs import encode_boxes
from mmeo.codecs.boxes_text import BOX_DIALECTS
from mmeo.datasets.instruct_converters.items import Unusable

CLIPPED = 'box reached over the image border: clipped'
WIDENED = 'box thinner than 1/100 of the image: widened to it'


def box_text(boxes: Sequence[Sequence[float]],
             size: tuple[float, float],
             phrase: Optional[str] = None,
             dialect: str = 'internvl') -> tuple[str, tuple[str, ...]]:
    """Boxes as text, clipped to the image.

    On the coarse grid of 'rsunivlm' small objects would lose their extent;
    they keep one unit (our choice, counted), where 'internvl' drops them.
    So do boxes that come without extent, as whole percents may.

    Args:
        boxes (Sequence): ``(N, 4)`` ``x1, y1, x2, y2`` in the units of
            ``size``.
        size (tuple[float, float]): Height and width of the image; (1, 1) for
            fractions, (100, 100) for percent.
        phrase (str, optional): What the boxes show.
        dialect (str): 'internvl' (thousandths) or 'rsunivlm' (hundredths);
            see :func:`mmeo.codecs.encode_boxes`. Defaults to 'internvl'.

    Returns:
        tuple[str, tuple[str, ...]]: The text, and notes about clipping and
        widening.

    Raises:
        Unusable: If corners are swapped, a box lies outside, or would have no
            extent in thousandths.
    """
    scale = BOX_DIALECTS[dialect].scale
    array = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    height, width = size
    limit = np.array([width, height, width, height], dtype=np.float64)
    if not np.isfinite(array).all():
        raise Unusable('box is not a number')
    if (array[:, :2] > array[:, 2:]).any():
        raise Unusable('box has its corners in the wrong order')
    clipped = np.clip(array, 0, limit)
    empty = clipped[:, :2] >= clipped[:, 2:]
    if dialect == 'rsunivlm':
        # Truths that were cut to whole percents may have lost their extent.
        inside = (array[:, :2] <= limit[:2]) & (array[:, 2:] >= 0)
        empty &= ~inside | (array[:, :2] != array[:, 2:])
    if empty.any():
        raise Unusable('box is empty or outside the image')
    notes = (CLIPPED, ) if (clipped != array).any() else ()
    units = np.rint(clipped / limit * scale)
    if (units[:, :2] >= units[:, 2:]).any():
        if dialect == 'internvl':
            raise Unusable('box is thinner than 1/1000 of the image')
        notes = (*notes, WIDENED)
    return encode_boxes(clipped, size, phrase, dialect=dialect,
                        widen=True), notes


def enclosing_box(points: Sequence[float]) -> list[float]:
    """Axis-aligned box around corners ``x1, y1, x2, y2, x3, y3, ...``."""
    corners = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    return [*corners.min(0).tolist(), *corners.max(0).tolist()]


def enclosing_box_of_rotated(x1: float, y1: float, x2: float, y2: float,
                             degrees: float) -> list[float]:
    """Axis-aligned box around a rectangle turned about its centre.

    The extent is even in the angle, so the two sign conventions in use
    (clockwise or counter-clockwise positive) give the same box.
    """
    angle = math.radians(degrees)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    width, height = x2 - x1, y2 - y1
    half = (width * cos + height * sin) / 2, (width * sin + height * cos) / 2
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return [x - half[0], y - half[1], x + half[0], y + half[1]]
