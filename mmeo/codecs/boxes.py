# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes as text: ``<ref>name</ref><box>[[x1, y1, x2, y2]]</box>``.

Coordinates are integers from 0 to 1000, relative to the image, so the text
does not depend on the size that the image was resized to (the form of
InternVL's grounding data).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np

from mmeo.errors import DataError

BOX_SCALE = 1000

_BOX = re.compile(
    r'(?:<ref>(?P<ref>(?:(?!<ref>|</ref>|<box>).)*)(?P<ref_end></ref>)?\s*)?'
    r'<box>(?P<body>(?:(?!</?box>|<ref>).)*)(?P<end></box>)?', re.DOTALL)
_NUMBER = re.compile(r'[-+]?\d+(?:\.\d+)?')


@dataclass
class BoxText:
    """Boxes read from text.

    Attributes:
        boxes (np.ndarray): ``(N, 4)`` float64 ``x1, y1, x2, y2``, in pixels
            where a size was given, else from 0 to 1000.
        phrases (list[str or None]): The referred name of each box.
        repairs (int): How many flaws were mended: an unclosed tag, a
            coordinate out of range, corners in the wrong order, left-over
            numbers that make no box.
    """

    boxes: np.ndarray
    phrases: list[Optional[str]]
    repairs: int


def encode_boxes(boxes: Union[np.ndarray, Sequence[Sequence[float]]],
                 size: tuple[int, int],
                 phrase: Optional[str] = None) -> str:
    """Write boxes as text.

    Args:
        boxes (np.ndarray): ``(N, 4)`` ``x1, y1, x2, y2`` in pixels, inside
            the image, ``x1 <= x2`` and ``y1 <= y2``.
        size (tuple[int, int]): Image height and width in pixels.
        phrase (str, optional): What the boxes show.

    Returns:
        str: ``<ref>phrase</ref><box>[[x1, y1, x2, y2], ...]</box>``, without
        the ``ref`` part where no phrase is given. Rounding moves an edge by
        at most 1/2000 of the image side.

    Raises:
        DataError: If a box has no four coordinates, leaves the image or has
            reversed corners.
    """
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
    units = np.rint(array / limit * BOX_SCALE).astype(int)
    body = ', '.join(f'[{x1}, {y1}, {x2}, {y2}]' for x1, y1, x2, y2 in units)
    head = '' if phrase is None else f'<ref>{phrase}</ref>'
    return f'{head}<box>[{body}]</box>'


def decode_boxes(text: str,
                 size: Optional[tuple[int, int]] = None) -> BoxText:
    """Read all boxes of a text; any string is accepted.

    Args:
        text (str): Output of a model or of :func:`encode_boxes`.
        size (tuple[int, int], optional): Image height and width in pixels;
            without it boxes stay in units of 1/1000.

    Returns:
        BoxText: The boxes, their names and the number of repairs.
    """
    boxes: list[list[float]] = []
    phrases: list[Optional[str]] = []
    repairs = 0
    for match in _BOX.finditer(text):
        phrase = match['ref']
        repairs += match['end'] is None
        repairs += phrase is not None and match['ref_end'] is None
        values = [float(number) for number in _NUMBER.findall(match['body'])]
        repairs += len(values) % 4 != 0
        for start in range(0, len(values) - 3, 4):
            box, mended = _mend(values[start:start + 4])
            boxes.append(box)
            phrases.append(None if phrase is None else phrase.strip())
            repairs += mended
    array = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    if size is not None:
        height, width = size
        array = array / BOX_SCALE * np.array([width, height, width, height])
    return BoxText(array, phrases, repairs)


def inspect_boxes(text: str) -> list[tuple[str, str]]:
    """What is wrong with the boxes of a text, without mending anything.

    Args:
        text (str): Any text.

    Returns:
        list[tuple[str, str]]: Kind and the box in question: 'form' (a tag
        that is not closed, no or not four numbers a box), 'range' (a
        coordinate below 0 or above 1000), 'inverted' (corners in the wrong
        order), 'empty' (no area).
    """
    flaws = []
    for match in _BOX.finditer(text):
        values = [float(number) for number in _NUMBER.findall(match['body'])]
        open_ref = match['ref'] is not None and match['ref_end'] is None
        if match['end'] is None or open_ref or not values or len(values) % 4:
            flaws.append(('form', match[0]))
            continue
        for start in range(0, len(values), 4):
            kind = _flaw(*values[start:start + 4])
            if kind:
                shown = ', '.join(f'{v:g}' for v in values[start:start + 4])
                flaws.append((kind, f'[{shown}]'))
    return flaws


def _flaw(x1: float, y1: float, x2: float, y2: float) -> Optional[str]:
    if min(x1, y1, x2, y2) < 0 or max(x1, y1, x2, y2) > BOX_SCALE:
        return 'range'
    if x1 > x2 or y1 > y2:
        return 'inverted'
    return 'empty' if x1 == x2 or y1 == y2 else None


def _mend(box: list[float]) -> tuple[list[float], int]:
    """Clip to 0..1000 and order the corners; count what had to be done."""
    clipped = [min(max(value, 0.0), float(BOX_SCALE)) for value in box]
    repairs = int(clipped != box)
    x1, y1, x2, y2 = clipped
    ordered = [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]
    return ordered, repairs + int(ordered != clipped)
