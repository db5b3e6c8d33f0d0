# Copyright (c) mmeo contributors. All rights reserved.
"""Numbers of boxes in a text, as they stand, for each dialect."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, Optional

from mmeo.errors import ConfigError

_INTERNVL = re.compile(
    r'(?:<ref>(?P<ref>(?:(?!<ref>|</ref>|<box>).)*)(?P<ref_end></ref>)?\s*)?'
    r'<box>(?P<body>(?:(?!</?box>|<ref>).)*)(?P<end></box>)?', re.DOTALL)
_BRACKETS = re.compile(
    r'\[(?P<body>[-+0-9.,;\s]*[0-9][-+0-9.,;\s]*)(?P<end>\])?')
_BARE = re.compile(r'[-+0-9.,;\s(){}<>\[\]]*')
_NUMBER = re.compile(r'[-+]?\d+(?:\.\d+)?')


class BoxGroup(NamedTuple):
    """A part of a text that should hold one or more boxes.

    Attributes:
        text (str): The part.
        phrase (str, optional): What it is about, as the text says.
        values (list[float]): All numbers in it.
        flaws (int): What the form of it lacks: closing tags or brackets.
    """

    text: str
    phrase: Optional[str]
    values: list[float]
    flaws: int


class BoxDialect(NamedTuple):
    """How boxes are written.

    Attributes:
        scale (int): Units of an image side, unless another is asked for.
        pattern (str): Takes ``body``, boxes such as ``[x1, y1, x2, y2]``
            joined by commas.
        head (str): In front of it, takes ``phrase``.
        read (Callable): Finds the groups of a text.
    """

    scale: int
    pattern: str
    head: str
    read: Callable[[str], Iterator[BoxGroup]]


def read_internvl(text: str) -> Iterator[BoxGroup]:
    """Groups of ``<ref>name</ref><box>[[x1, y1, x2, y2], ...]</box>``."""
    for match in _INTERNVL.finditer(text):
        phrase = match['ref']
        flaws = (match['end'] is None) + (phrase is not None
                                          and match['ref_end'] is None)
        yield BoxGroup(match[0], None if phrase is None else phrase.strip(),
                       _numbers(match['body']), flaws)


def read_brackets(text: str) -> Iterator[BoxGroup]:
    """Groups of ``[x1, y1, x2, y2]``; brackets with words are none.

    Where a text has none, but nothing else than numbers and punctuation
    either, these numbers are one flawed group.
    """
    found = False
    for match in _BRACKETS.finditer(text):
        found = True
        yield BoxGroup(match[0], None, _numbers(match['body']),
                       int(match['end'] is None))
    if not found and _BARE.fullmatch(text):
        values = _numbers(text)
        if len(values) >= 4:
            yield BoxGroup(text, None, values, 1)


BOX_DIALECTS = {
    'internvl': BoxDialect(1000, '<box>[{body}]</box>', '<ref>{phrase}</ref>',
                           read_internvl),
    'rsunivlm': BoxDialect(100, '{body}', '{phrase} ', read_brackets),
}


def get_box_dialect(name: str) -> BoxDialect:
    """The dialect of a name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in BOX_DIALECTS:
        raise ConfigError(f'dialect={name!r} is none of '
                          f'{sorted(BOX_DIALECTS)}')
    return BOX_DIALECTS[name]


def _numbers(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]
