# Copyright (c) mmeo contributors. All rights reserved.
"""Lists of a split's images, short enough to be shipped with the code.

One line for each class and pattern of names: the pattern, whose braces stand
for a number (``{}``, or ``{:03d}`` for three digits), then the numbers; runs
are written ``first-last``. A line starting with ``#`` is a remark::

    Airport/airport_{}.jpg 3 8 11-14
    bridge/bridge_{:03d}.jpg 1 2 700
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Union

from mmeo.errors import ConfigError, DataError, MissingDataError

#: Folder of the lists that come with mmeo, ``<data set>/<list>.txt``.
SHIPPED = Path(__file__).resolve().parent / 'splits'
_PATTERN = re.compile(r'([^{}]*)\{(?::0(\d+)d)?\}([^{}]*)')
_NUMBERED = re.compile(r'(.*?)(\d+)(\.[^./]+)')


def format_numbers(numbers: Iterable[int]) -> str:
    """Write numbers in order, three or more in a row as a run.

    >>> format_numbers([7, 1, 2, 3, 5])
    '1-3 5 7'
    """
    words = []
    ordered = enumerate(sorted(numbers))
    for _, group in groupby(ordered, key=lambda item: item[1] - item[0]):
        run = [number for _, number in group]
        words += [f'{run[0]}-{run[-1]}'] if len(run) > 2 else map(str, run)
    return ' '.join(words)


def format_split(names: Sequence[str], remarks: Sequence[str] = ()) -> str:
    """Write a list of images.

    Args:
        names: Paths of images, each ending in a number and a suffix.
        remarks: Lines for the head of the file.

    Returns:
        Text that :func:`parse_split` turns back into the sorted names.

    Raises:
        DataError: If a name has no number.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    digits: dict[tuple[str, str], set[int]] = defaultdict(set)
    matches = [(name, _NUMBERED.fullmatch(name)) for name in names]
    for name, match in matches:
        if match is None:
            raise DataError(f'{name}: a list of a split needs names that end '
                            'in a number, e.g. Airport/airport_12.jpg')
        digits[match[1], match[3]].add(len(match[2]))
    for _, match in matches:
        # Equal lengths may be zero-padded; a pattern of one length says so.
        widths = digits[match[1], match[3]]
        padded = len(widths) == 1 and next(iter(widths)) > 1
        field = f'{{:0{next(iter(widths))}d}}' if padded else '{}'
        numbers[f'{match[1]}{field}{match[3]}'].append(int(match[2]))
    lines = [f'# {remark}' for remark in remarks]
    lines += [f'{pattern} {format_numbers(numbers[pattern])}'
              for pattern in sorted(numbers)]
    return '\n'.join(lines) + '\n'


def parse_split(text: str, source: str = 'list') -> list[str]:
    """Names of a list's images.

    Args:
        text: As of :func:`format_split`.
        source: Where it is from, for messages.

    Raises:
        DataError: If a line has another form.
    """
    names = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or line.startswith('#'):
            continue
        match = _PATTERN.fullmatch(words[0])
        try:
            if match is None:
                raise ValueError('the first word is a pattern with {}')
            width = int(match[2] or 0)
            names += [f'{match[1]}{value:0{width}d}{match[3]}'
                      for word in words[1:] for value in _run(word)]
        except ValueError as error:
            raise DataError(f'{source}, line {number}: {error}. Expected '
                            'e.g. "Airport/airport_{}.jpg 3 8 11-14".'
                            ) from error
    return names


def _run(word: str) -> range:
    """``'7'`` or ``'7-9'``."""
    first, _, last = word.partition('-')
    return range(int(first), int(last or first) + 1)


def read_split(split: Union[str, Path]) -> list[str]:
    """Names of a split's images.

    Args:
        split: A list that comes with mmeo, e.g. 'aid/train20_seed0', or the
            path of one of your own, ending in '.txt'.

    Raises:
        ConfigError: If mmeo has no such list.
        MissingDataError: If the file does not exist.
        DataError: If the file has another form.
    """
    path = Path(split)
    if path.suffix != '.txt':
        path = SHIPPED / f'{split}.txt'
        if not path.is_file():
            known = sorted(str(p.relative_to(SHIPPED).with_suffix(''))
                           for p in SHIPPED.rglob('*.txt'))
            raise ConfigError(
                f'split={str(split)!r} is no list of mmeo and no .txt file; '
                f'lists of mmeo: {", ".join(known)}')
    if not path.is_file():
        raise MissingDataError(
            f'the list {path} (`split`) does not exist. Write it with '
            'tools/dataset_converters/make_scene_splits.py, or name one of '
            f'those in {SHIPPED}.')
    return parse_split(path.read_text(), str(path))
