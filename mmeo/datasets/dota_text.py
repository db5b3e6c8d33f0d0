# Copyright (c) mmeo contributors. All rights reserved.
"""DOTA's label files as plain values: read, write, measure."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

from mmeo.errors import DataError


@dataclass(frozen=True)
class DotaObject:
    """One line of a label file.

    Args:
        corners (tuple[float]): ``x1 y1 ... x4 y4`` in pixels.
        name (str): Class.
        difficulty (int): 0 easy, 1 difficult, 2 cut off. Defaults to 0.
        line (int): Where it stands in its file, from 1; 0 if in none.
    """

    corners: tuple[float, ...]
    name: str
    difficulty: int = 0
    line: int = 0


@dataclass
class DotaLabels:
    """A label file: header and objects.

    Args:
        objects (list[DotaObject]): In the order of the file.
        source (str, optional): ``imagesource:`` of the header.
        gsd (float, optional): Ground sampling distance in metres per pixel;
            None where the file says nothing or ``null``.
    """

    objects: list[DotaObject] = field(default_factory=list)
    source: Optional[str] = None
    gsd: Optional[float] = None


def read_dota(path: Union[str, Path]) -> DotaLabels:
    """Read a label file of DOTA.

    Header lines and blank lines may be absent, and so may the difficulty.

    Raises:
        DataError: If the file is no text, or a line does not parse.
    """
    labels = DotaLabels()
    try:
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f'{path} is no text file ({error})') from error
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if line.startswith('imagesource:'):
            labels.source = line.split(':', 1)[1].strip()
        elif line.startswith('gsd:'):
            labels.gsd = _parse_gsd(line, f'{path}:{number}')
        elif line:
            labels.objects.append(_parse_line(line, path, number))
    return labels


def dota_text(labels: DotaLabels) -> str:
    """The text of a label file; corners with one decimal, as DOTA's own."""
    lines = []
    if labels.source is not None:
        lines.append(f'imagesource:{labels.source}')
    if labels.source is not None or labels.gsd is not None:
        gsd = 'null' if labels.gsd is None else f'{labels.gsd:.12g}'
        lines.append(f'gsd:{gsd}')
    for item in labels.objects:
        corners = ' '.join(f'{value:.1f}' for value in item.corners)
        lines.append(f'{corners} {item.name} {item.difficulty}')
    return ''.join(f'{line}\n' for line in lines)


def short_side(corners: tuple[float, ...]) -> float:
    """Shorter mean side of a quadrilateral, in pixels."""
    points = list(zip(corners[0::2], corners[1::2]))
    sides = [math.dist(points[i], points[(i + 1) % 4]) for i in range(4)]
    return min(sides[0] + sides[2], sides[1] + sides[3]) / 2


def _parse_line(line: str, path: Union[str, Path],
                number: int) -> DotaObject:
    words = line.split()
    try:
        if len(words) not in (9, 10):
            raise ValueError(f'{len(words)} words')
        corners = tuple(float(word) for word in words[:8])
        difficulty = int(words[9]) if len(words) == 10 else 0
        if not all(map(math.isfinite, corners)):
            raise ValueError('a coordinate is not finite')
    except ValueError as error:
        raise DataError(
            f'{path}:{number}: cannot read {line!r} ({error}). A line holds 8 '
            'coordinates, a class name and a difficulty: `x1 y1 x2 y2 x3 '
            'y3 x4 y4 ship 0`.') from None
    return DotaObject(corners, words[8], difficulty, number)


def _parse_gsd(line: str, where: str) -> Optional[float]:
    """Value of a ``gsd:`` line; DOTA writes 'null' or nothing if unknown."""
    value = line.split(':', 1)[1].strip()
    if value.lower() in ('', 'null', 'none', 'nan'):
        return None
    try:
        return float(value)
    except ValueError:
        raise DataError(f'{where}: cannot read {line!r}; after `gsd:` comes '
                        'a number (metres per pixel) or null.') from None
