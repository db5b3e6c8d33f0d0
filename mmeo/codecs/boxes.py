# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes as text, in integers relative to the image.

So the text does not depend on the size that the image was resized to. Two
dialects: ``<ref>name</ref><box>[[x1, y1, x2, y2]]</box>`` from 0 to 1000
('internvl', the form of InternVL's grounding data), and ``[x1, y1, x2, y2]``
from 0 to 100 ('rsunivlm', arXiv 2412.05679 section 3.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np

from mmeo.codecs.boxes_text import BoxDialect, get_box_dialect
from mmeo.errors import ConfigError, DataError

BOX_SCALE = 1000
ROUNDINGS = {'nearest': np.rint, 'down': np.floor}


@dataclass
class BoxText:
    """Boxes read from text.

    Attributes:
        boxes (np.ndarray): ``(N, 4)`` float64 ``x1, y1, x2, y2``, in pixels
            where a size was given, else from 0 to the scale of the dialect.
        phrases (list[str or None]): The referred name of each box; always
            None in the dialect 'rsunivlm', which does not mark names.
        repairs (int): How many flaws were mended: an unclosed tag or
            bracket, a coordinate out of range, corners in the wrong order,
            left-over numbers that make no box.
        outside (int): Boxes with a coordinate out of range, which were
            clipped; each is one of the repairs.
    """

    boxes: np.ndarray
    phrases: list[Optional[str]]
    repairs: int
    outside: int = 0


def encode_boxes(boxes: Union[np.ndarray, Sequence[Sequence[float]]],
                 size: tuple[float, float],
                 phrase: Optional[str] = None,
                 dialect: str = 'internvl',
                 scale: Optional[int] = None,
                 rounding: str = 'nearest',
                 widen: bool = False) -> str:
    """Write boxes as text.

    Args:
        boxes (np.ndarray): ``(N, 4)`` ``x1, y1, x2, y2`` in pixels, inside
            the image, ``x1 <= x2`` and ``y1 <= y2``.
        size (tuple[float, float]): Image height and width in pixels.
        phrase (str, optional): What the boxes show. 'rsunivlm' has no tags:
            it is put in front with a space.
        dialect (str): 'internvl' or 'rsunivlm'. Defaults to 'internvl'.
        scale (int, optional): Units of an image side; 1000 and 100 by
            default.
        rounding (str): 'nearest' (halves to the even unit; moves an edge by
            at most half a unit) or 'down' (VRSBench's truth). The papers do
            not say. Defaults to 'nearest'.
        widen (bool): Give sides that round to no length one unit, on the side
            of the box's centre and inside the image; without it the text of
            a thin box has no area. Defaults to False.

    Returns:
        str: ``<ref>phrase</ref><box>[[x1, y1, x2, y2], ...]</box>`` without
        the ``ref`` part where no phrase is given, or
        ``[x1, y1, x2, y2], [...]``.

    Raises:
        DataError: If a box has no four coordinates, leaves the image or has
            reversed corners.
        ConfigError: If dialect, scale or rounding is unknown.
    """
    spelling = get_box_dialect(dialect)
    scale = _scale(spelling, scale)
    if rounding not in ROUNDINGS:
        raise ConfigError(f'rounding={rounding!r} is none of '
                          f'{sorted(ROUNDINGS)}')
    fractions = _fractions(boxes, size)
    units = ROUNDINGS[rounding](fractions * scale)
    if widen:
        units = _widen(units, fractions, scale)
    body = ', '.join(f'[{x1}, {y1}, {x2}, {y2}]'
                     for x1, y1, x2, y2 in units.astype(int))
    head = '' if phrase is None else spelling.head.format(phrase=phrase)
    return head + spelling.pattern.format(body=body)


def decode_boxes(text: str,
                 size: Optional[tuple[float, float]] = None,
                 dialect: str = 'internvl',
                 scale: Optional[int] = None) -> BoxText:
    """Read all boxes of a text; any string is accepted.

    Args:
        text (str): Output of a model or of :func:`encode_boxes`.
        size (tuple[float, float], optional): Image height and width in
            pixels; without it boxes stay in units of the scale.
        dialect (str): 'internvl' or 'rsunivlm'. Defaults to 'internvl'.
        scale (int, optional): Units of an image side; 1000 and 100 by
            default.

    Returns:
        BoxText: The boxes, their names and the number of repairs.

    Raises:
        ConfigError: If dialect or scale is unknown; never because of the
            text.
    """
    spelling = get_box_dialect(dialect)
    scale = _scale(spelling, scale)
    result = BoxText(np.empty((0, 4)), [], 0)
    boxes: list[list[float]] = []
    for group in spelling.read(text):
        values = group.values
        result.repairs += group.flaws + (len(values) % 4 != 0)
        for start in range(0, len(values) - 3, 4):
            box, outside, turned = _mend(values[start:start + 4], scale)
            boxes.append(box)
            result.phrases.append(group.phrase)
            result.outside += outside
            result.repairs += outside + turned
    result.boxes = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    if size is not None:
        height, width = size
        result.boxes = result.boxes / scale * np.array(
            [width, height, width, height])
    return result


def inspect_boxes(text: str,
                  dialect: str = 'internvl',
                  scale: Optional[int] = None) -> list[tuple[str, str]]:
    """What is wrong with the boxes of a text, without mending anything.

    Args:
        text (str): Any text.
        dialect (str): 'internvl' or 'rsunivlm'. Defaults to 'internvl'.
        scale (int, optional): Units of an image side; 1000 and 100 by
            default.

    Returns:
        list[tuple[str, str]]: Kind and the box in question: 'form' (a tag
        that is not closed, no or not four numbers a box), 'range' (a
        coordinate below 0 or above the scale), 'inverted' (corners in the
        wrong order), 'empty' (no area).
    """
    spelling = get_box_dialect(dialect)
    scale = _scale(spelling, scale)
    flaws = []
    for group in spelling.read(text):
        values = group.values
        if group.flaws or not values or len(values) % 4:
            flaws.append(('form', group.text))
            continue
        for start in range(0, len(values), 4):
            kind = _flaw(*values[start:start + 4], scale)
            if kind:
                shown = ', '.join(f'{v:g}' for v in values[start:start + 4])
                flaws.append((kind, f'[{shown}]'))
    return flaws


def _scale(dialect: BoxDialect, scale: Optional[int]) -> int:
    if scale is None:
        return dialect.scale
    if scale < 1:
        raise ConfigError(f'scale={scale}: an image side has at least one '
                          'unit')
    return scale


def _fractions(boxes: Union[np.ndarray, Sequence[Sequence[float]]],
               size: tuple[float, float]) -> np.ndarray:
    """Boxes in parts of the image ``(N, 4)``, checked."""
    array = np.asarray(boxes, dtype=np.float64)
    if array.size == 0:
        array = array.reshape(0, 4)
    height, width = size
    if array.ndim != 2 or array.shape[1] != 4:
        raise DataError(
            f'boxes have shape {array.shape}: give (N, 4) x1, y1, x2, y2')
    limit = np.array([width, height, width, height], dtype=np.float64)
    inside = np.isfinite(array) & (array >= 0) & (array <= limit)
    bad = ~inside.all(1) | (array[:, :2] > array[:, 2:]).any(1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f'box {first} is {array[first].tolist()} in an image of {height} '
            f'x {width} pixels: clip it to the image and order its corners')
    return array / limit


def _widen(units: np.ndarray, fractions: np.ndarray,
           scale: int) -> np.ndarray:
    low, high = units[:, :2].copy(), units[:, 2:].copy()
    thin = low >= high
    centre = (fractions[:, :2] + fractions[:, 2:]) / 2 * scale
    up = thin & (high < scale) & ((centre >= low) | (low == 0))
    return np.concatenate([low - (thin & ~up), high + up], 1)


def _flaw(x1: float, y1: float, x2: float, y2: float,
          scale: int) -> Optional[str]:
    if min(x1, y1, x2, y2) < 0 or max(x1, y1, x2, y2) > scale:
        return 'range'
    if x1 > x2 or y1 > y2:
        return 'inverted'
    return 'empty' if x1 == x2 or y1 == y2 else None


def _mend(box: list[float], scale: int) -> tuple[list[float], bool, bool]:
    """Clip to the scale and order the corners; tell what had to be done."""
    clipped = [min(max(value, 0.0), float(scale)) for value in box]
    x1, y1, x2, y2 = clipped
    ordered = [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]
    return ordered, clipped != box, ordered != clipped
