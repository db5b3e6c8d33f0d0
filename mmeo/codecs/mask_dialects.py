# Copyright (c) mmeo contributors. All rights reserved.
"""How a grid of labels is spelled: the two known dialects, and label names."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmeo.errors import ConfigError, DataError


@dataclass(frozen=True)
class MaskDialect:
    """Strings around the labels and counts of a mask.

    Attributes:
        start (str): In front of the first row.
        star (str): Between a label and its count.
        between (str): Between two runs of a row.
        newline (str): Between two rows.
        end (str): Behind the last row.
    """

    start: str
    star: str
    between: str
    newline: str
    end: str


MASK_DIALECTS = {
    # The decoder of RSUniVLM's public demo reads the whole answer.
    'rsunivlm': MaskDialect('', '*', ', ', '\n', ''),
    # Text4Seg (arXiv 2410.09855), as its public code writes it.
    'text4seg': MaskDialect('<seg>', ' *', '| ', '\n ', '\n</seg>'),
}

DIGITS = '0123456789'
_FORBIDDEN = ',|*×<>'


def get_mask_dialect(name: str) -> MaskDialect:
    """The dialect of a name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in MASK_DIALECTS:
        raise ConfigError(f'dialect={name!r} is none of '
                          f'{sorted(MASK_DIALECTS)}')
    return MASK_DIALECTS[name]


def label_key(name: str) -> str:
    """What two spellings of one label share: case and spaces do not count."""
    return ' '.join(name.split()).casefold()


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """Label names that can be written and read back.

    Args:
        names (Sequence[str]): Names in the order of their ids; the first one
            is the word for the background.

    Returns:
        tuple[str, ...]: The same.

    Raises:
        DataError: If a name is empty, occurs twice (case does not count),
            has a separator or needless white space, or reads as a count.
    """
    if isinstance(names, str) or not names:
        raise DataError(f'names={names!r}: give a list of label names, the '
                        "background's word first")
    seen: dict[str, str] = {}
    for name in names:
        flaw = _flaw(name)
        if flaw:
            raise DataError(f'label name {name!r} {flaw}: rename the class')
        key = label_key(name)
        if key in seen:
            raise DataError(f'label names {seen[key]!r} and {name!r} are the '
                            'same, since case does not count: rename one')
        seen[key] = name
    return tuple(names)


def split_run(text: str) -> tuple[str, str]:
    """``'low road * 12'`` to ``('low road', '12')``.

    The star may be ``*``, ``×``, or an ``x`` that stands apart from the label
    or against the count.

    Returns:
        tuple[str, str]: Label and digits; two empty strings where the text
        is no run.
    """
    text = text.strip()
    head = text.rstrip(DIGITS)
    count = text[len(head):]
    label = head.rstrip()
    star, label, apart = label[-1:], label[:-1], len(label) < len(head)
    letter = star in ('x', 'X')
    if not count or not (letter or star in ('*', '×')):
        return '', ''
    if letter and apart and not label[-1:].isspace():
        return '', ''  # 'approx 4'
    label = label.strip()
    return (label, count) if label else ('', '')


def _flaw(name: str) -> str:
    if not isinstance(name, str) or not name.strip():
        return 'is empty'
    if name != ' '.join(name.split()):
        return 'has line breaks or white space that would be lost'
    bad = [char for char in _FORBIDDEN if char in name]
    if bad:
        return f'has {bad[0]!r}, which separates runs or marks tags'
    if name.isdigit() or split_run(name)[1]:
        return 'reads as a count'
    return ''
