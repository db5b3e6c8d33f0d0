# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes inside texts: percent with an angle, fractions, tags, FIT-RS."""

import re
from collections.abc import Callable, Sequence
from typing import Optional

from mmeo.datasets.instruct_converters.boxes import (
    box_text,
    enclosing_box_of_rotated,
)
from mmeo.datasets.instruct_converters.items import Unusable

# Writes ``(boxes, size, phrase)`` as text, with notes.
Writer = Callable[[Sequence[Sequence[float]], tuple[float, float],
                   Optional[str]], tuple[str, tuple[str, ...]]]
Rewritten = tuple[str, tuple[str, ...]]

_NUMBER = r'-?(?:\d+(?:\.\d*)?|\.\d+)'
_BOX = (r'\{\s*' + r'\s*'.join(f'<{_NUMBER}>' for _ in range(4)) +
        rf'\s*(?:\|\s*<{_NUMBER}>\s*)?\}}')
_FIELDS = re.compile(
    r'\{\s*' + r'\s*'.join(rf'<(?P<{name}>{_NUMBER})>'
                           for name in ('x1', 'y1', 'x2', 'y2')) +
    rf'\s*(?:\|\s*<(?P<angle>{_NUMBER})>\s*)?\}}')
_RUN = re.compile(
    rf'(?:<p>(?P<phrase>[^<]*)</p>\s*)?'
    rf'(?P<boxes>{_BOX}(?:\s*(?:<delim>\s*)?{_BOX})*)')
_FRACTIONS = re.compile(
    r'\[\s*' + r'\s*,\s*'.join([rf'({_NUMBER})'] * 4) + r'\s*\]')
_FOUR = re.compile(r'\[?\s*' + r'\s*,\s*'.join([rf'({_NUMBER})'] * 4) +
                   r'\s*\]?')
_TAGGED = re.compile(
    r'(?:<(?P<tag>ref|pred)>(?P<phrase>(?:(?!</?(?:ref|pred)>).)*)'
    r'</(?P=tag)>\s*)?<box>(?P<body>[^<]*)</box>', re.DOTALL)
_RBOX = re.compile(r'\s*<rbox>\s*\(?(?P<body>.*?)\)?\s*</rbox>', re.DOTALL)


def parse_boxes(text: str) -> list[list[float]]:
    """Read ``{<x1><y1><x2><y2>|<angle>}`` groups.

    Fields are taken by name: the angle (degrees) turns the rectangle about
    its centre and must not be mistaken for a coordinate.

    Args:
        text (str): Any text.

    Returns:
        list[list[float]]: Enclosing ``x1, y1, x2, y2`` in percent.
    """
    return [
        enclosing_box_of_rotated(
            *(float(match[name]) for name in ('x1', 'y1', 'x2', 'y2')),
            float(match['angle'] or 0)) for match in _FIELDS.finditer(text)
    ]


def rewrite_percent(text: str, write: Writer = box_text) -> Rewritten:
    """Replace GeoChat's boxes.

    Args:
        text (str): ``<p>phrase</p>{...}{...}`` or bare groups, joined
            directly or by ``<delim>``.
        write (Callable): Gives the new text. Defaults to ``<ref>`` and
            ``<box>``.

    Returns:
        tuple[str, tuple[str, ...]]: The text, and notes about clipping.

    Raises:
        Unusable: If a box cannot be used.
    """

    def new(match: re.Match) -> Rewritten:
        phrase = match['phrase']
        return write(parse_boxes(match['boxes']), (100, 100),
                     phrase.strip() if phrase else None)

    text, notes = _replace(_RUN, new, text)
    # A phrase without a box keeps its words.
    return re.sub(r'</?p>|<delim>', '', text), notes


def rewrite_fractions(text: str, write: Writer = box_text) -> Rewritten:
    """Replace ``[x1, y1, x2, y2]`` of fractions of the image.

    Raises:
        Unusable: If a box cannot be used.
    """
    return _replace(
        _FRACTIONS, lambda match: write(
            [[float(v) for v in match.groups()]], (1, 1), None), text)


def rewrite_tagged(text: str, write: Writer = box_text) -> Rewritten:
    """Replace ``<ref>phrase</ref><box>[[x1, y1, x2, y2], ...]</box>``.

    The form of InternVL and All-Seeing, in thousandths; the relations of
    All-Seeing V2 (``<pred>``) keep their words.

    Raises:
        Unusable: If a box cannot be used.
    """

    def new(match: re.Match) -> Rewritten:
        boxes = [[float(v) for v in found.groups()]
                 for found in _FOUR.finditer(match['body'])]
        if not boxes:
            raise Unusable('box is not four numbers')
        phrase = match['phrase']
        return write(boxes, (1000, 1000), phrase.strip() if phrase else None)

    text, notes = _replace(_TAGGED, new, text)
    return re.sub(r'</?(?:ref|pred)>', '', text), notes


def rewrite_rbox(text: str, write: Writer = box_text) -> Rewritten:
    """Replace FIT-RS's ``<rbox>({<cx><cy><w><h>|<angle>}, ...)</rbox>``.

    Centre, width and height in percent of the image, the angle in degrees
    (OpenCV's, 0 to 90); here, too, fields are taken by name.

    Raises:
        Unusable: If a box cannot be used.
    """

    def new(match: re.Match) -> Rewritten:
        boxes = []
        for found in _FIELDS.finditer(match['body']):
            x, y, width, height = (float(found[name]) for name in
                                   ('x1', 'y1', 'x2', 'y2'))
            boxes.append(enclosing_box_of_rotated(
                x - width / 2, y - height / 2, x + width / 2, y + height / 2,
                float(found['angle'] or 0)))
        if not boxes:
            raise Unusable('box is not four numbers')
        new_text, notes = write(boxes, (100, 100), None)
        return f' {new_text}' if match.start() else new_text, notes

    text, notes = _replace(_RBOX, new, text)
    return re.sub(r'</?(?:ref|rel|p)>', '', text), notes


def _replace(pattern: re.Pattern, new: Callable[[re.Match], Rewritten],
             text: str) -> Rewritten:
    notes: list[str] = []

    def one(match: re.Match) -> str:
        written, more = new(match)
        notes.extend(more)
        return written

    return pattern.sub(one, text), tuple(dict.fromkeys(notes))
