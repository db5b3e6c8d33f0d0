# Copyright (c) mmeo contributors. All rights reserved.
"""Counts of a conversion, and the list of images to leave out."""

from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Optional

from mmeo.datasets.instruct_converters.files import listed
from mmeo.datasets.instruct_converters.items import Dropped


@dataclass
class Report:
    """What happened; ``read`` equals ``written`` plus all drops.

    Attributes:
        written (int): Records in the file.
        flaws (Counter): Records the data did not allow, by reason.
        left_out (Counter): Records left out on purpose, by reason.
        notes (Counter): Records that were mended, by what was mended.
        examples (dict): The first place of each reason.
        exclude_unused (list): Lines of the exclude list that matched nothing.
    """

    written: int = 0
    flaws: Counter = field(default_factory=Counter)
    left_out: Counter = field(default_factory=Counter)
    notes: Counter = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    exclude_unused: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        """All records seen."""
        return self.written + self.dropped

    @property
    def dropped(self) -> int:
        """All records that were not written."""
        return self.flaws.total() + self.left_out.total()

    def drop(self, item: Dropped) -> None:
        """Count a record that is not written."""
        (self.flaws if item.flaw else self.left_out)[item.reason] += 1
        self.examples.setdefault(item.reason, item.where)

    def lines(self) -> list[str]:
        """The report as text."""
        lines = [f'read {self.read}, written {self.written}, dropped '
                 f'{self.dropped}']
        for title, counts in (('dropped, flaw', self.flaws),
                              ('left out', self.left_out)):
            lines += [f'  {title}: {count} x {reason} (first: '
                      f'{self.examples[reason]})'
                      for reason, count in counts.most_common()]
        lines += [f'  written with a note: {count} x {note}'
                  for note, count in self.notes.most_common()]
        if self.exclude_unused:
            lines.append(
                f'  {len(self.exclude_unused)} lines of the exclude list '
                f'matched no image (first: {self.exclude_unused[0]})')
        return lines


class ExcludeList:
    """Images that must not enter a training set.

    Each line is a file name, matched without folder and extension, so that a
    PNG copy of a test JPEG is found too; a line with ``*`` or ``?`` is a
    pattern over that name (``P0003_*`` covers the tiles of a DOTA scene). A
    line with a folder must match the end of the path as well.

    Args:
        path (str, optional): Text file, one image a line. None excludes
            nothing.

    Raises:
        MissingDataError: If the file is absent.
    """

    def __init__(self, path: Optional[str] = None) -> None:
        self.lines = listed(path) or []
        self._names: dict[str, list[str]] = {}
        self._patterns: list[str] = []
        self._used: set[str] = set()
        for line in self.lines:
            if '*' in line or '?' in line:
                self._patterns.append(line)
            else:
                stem = _bare(line).name
                self._names.setdefault(stem, []).append(line)

    def __contains__(self, image: str) -> bool:
        bare = _bare(image)
        matches = [line for line in self._names.get(bare.name, ())
                   if _ends_with(bare, _bare(line))]
        matches += [line for line in self._patterns
                    if fnmatchcase(str(bare), line)
                    or fnmatchcase(bare.name, line)
                    or fnmatchcase(PurePosixPath(image).name, line)]
        self._used.update(matches)
        return bool(matches)

    def unused(self) -> list[str]:
        """Lines that matched nothing so far."""
        return [line for line in self.lines if line not in self._used]


def _bare(name: str) -> PurePosixPath:
    """The path without the extension of an image."""
    path = PurePosixPath(name.replace('\\', '/'))
    known = path.suffix.lower() in ('.png', '.jpg', '.jpeg', '.tif', '.tiff',
                                    '.bmp', '.gif', '.webp', '.jp2')
    return path.with_suffix('') if known else path


def _ends_with(path: PurePosixPath, tail: PurePosixPath) -> bool:
    return path.parts[-len(tail.parts):] == tail.parts
