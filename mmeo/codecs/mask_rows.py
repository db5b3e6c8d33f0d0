# Copyright (c) mmeo contributors. All rights reserved.
"""Rows and runs of a mask as text; any string is accepted."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from mmeo.codecs.mask_dialects import split_run

# Longer counts are cut: Python refuses to convert thousands of digits.
_COUNT_DIGITS = 7

_OPEN = re.compile('<seg>', re.IGNORECASE)
_CLOSE = re.compile('</seg>', re.IGNORECASE)
_SEPARATOR = re.compile('[,|]')


class MaskRun(NamedTuple):
    """``label*count`` at ``text[start:stop]``, without spaces around it."""

    label: str
    count: int
    start: int
    stop: int


class MaskRow(NamedTuple):
    """Runs of one row, and how many pieces of it were none."""

    runs: list[MaskRun]
    dropped: int


class MaskRows(NamedTuple):
    """Rows of a text, and how many flaws lie around them.

    Flaws are a tag that is not closed (or not opened) and lines of prose in
    front of the first row or behind the last one.
    """

    rows: list[MaskRow]
    flaws: int


def read_rows(text: str) -> MaskRows:
    """Find the rows of a mask, of either dialect.

    ``<seg>`` tags limit the text where there are any. Rows end at line
    breaks, runs at ``,`` or ``|``. Blank lines are ignored. A line between
    rows without any run is a row: what follows keeps its place.

    Args:
        text (str): Any text.

    Returns:
        MaskRows: The rows as they stand; no count is mended.
    """
    start, stop, flaws = _limits(text)
    lines = [(first, last) for first, last in _lines(text, start, stop)
             if not text[first:last].isspace() and first < last]
    rows = [_row(text, first, last) for first, last in lines]
    kept = [i for i, (first, last) in enumerate(lines)
            if rows[i].runs or '*' in text[first:last]]
    if not any(row.runs for row in rows):
        return MaskRows([], flaws)
    inner = rows[kept[0]:kept[-1] + 1]
    return MaskRows(inner, flaws + len(rows) - len(inner))


def _limits(text: str) -> tuple[int, int, int]:
    """Where the mask starts and stops, and whether a tag is missing."""
    opened = _OPEN.search(text)
    start = opened.end() if opened else 0
    closed = _CLOSE.search(text, start)
    stop = closed.start() if closed else len(text)
    return start, stop, int((opened is None) != (closed is None))


def _lines(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    while start <= stop:
        end = text.find('\n', start, stop)
        end = stop if end < 0 else end
        yield start, end
        start = end + 1


def _row(text: str, start: int, stop: int) -> MaskRow:
    runs: list[MaskRun] = []
    dropped = 0
    while start <= stop:
        comma = _SEPARATOR.search(text, start, stop)
        end = comma.start() if comma else stop
        piece = text[start:end]
        label, digits = split_run(piece)
        count = _count(digits)
        if count:
            runs.append(MaskRun(label, count,
                                end - len(piece.lstrip()),
                                start + len(piece.rstrip())))
        else:
            dropped += 1
        start = end + 1
    return MaskRow(runs, dropped)


def _count(digits: str) -> int:
    digits = digits.lstrip('0')
    if len(digits) > _COUNT_DIGITS:
        return 10**_COUNT_DIGITS
    return int(digits or 0)
