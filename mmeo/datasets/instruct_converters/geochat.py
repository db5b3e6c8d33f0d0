# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes inside texts: GeoChat's percent with an angle, LHRS's fractions."""

import re

from mmeo.datasets.instruct_converters.boxes import (
    box_text,
    enclosing_box_of_rotated,
)

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


def rewrite_percent(text: str) -> tuple[str, tuple[str, ...]]:
    """Replace GeoChat's boxes by ``<ref>`` and ``<box>``.

    Args:
        text (str): ``<p>phrase</p>{...}{...}`` or bare groups, joined
            directly or by ``<delim>``.

    Returns:
        tuple[str, tuple[str, ...]]: The text, and notes about clipping.

    Raises:
        Unusable: If a box cannot be used.
    """
    notes: list[str] = []

    def replace(match: re.Match) -> str:
        phrase = match['phrase']
        new, clipped = box_text(parse_boxes(match['boxes']), (100, 100),
                                phrase.strip() if phrase else None)
        notes.extend(clipped)
        return new

    new = _RUN.sub(replace, text)
    # A phrase without a box keeps its words.
    return re.sub(r'</?p>|<delim>', '', new), tuple(dict.fromkeys(notes))


def rewrite_fractions(text: str) -> tuple[str, tuple[str, ...]]:
    """Replace ``[x1, y1, x2, y2]`` of fractions of the image by ``<box>``.

    Raises:
        Unusable: If a box cannot be used.
    """
    notes: list[str] = []

    def replace(match: re.Match) -> str:
        new, clipped = box_text([[float(v) for v in match.groups()]], (1, 1))
        notes.extend(clipped)
        return new

    return _FRACTIONS.sub(replace, text), tuple(dict.fromkeys(notes))
