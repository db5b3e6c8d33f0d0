# Copyright (c) mmeo contributors. All rights reserved.
"""The outcome of a check as a table and as JSON."""

from dataclasses import dataclass, field
from typing import Any

from mmeo.datasets.instruct_issues import ERROR, WARNING, Tally
from mmeo.datasets.instruct_meta import InstructSource


@dataclass
class SourceReport:
    """What was found in one annotation file.

    Attributes:
        source (InstructSource): The file.
        tally (Tally): Its issues.
        records (int): Records looked at.
        images (int): Images named, each time counted.
        tokens (int): Sum of the lengths counted.
        measured (int): Samples whose length was counted.
        longest (int): Tokens of the longest.
    """

    source: InstructSource
    tally: Tally
    records: int = 0
    images: int = 0
    tokens: int = 0
    measured: int = 0
    longest: int = 0

    def add(self, part: Any) -> None:
        """Add what was found in a part of the file."""
        self.tally.merge(part.tally)
        self.records += part.records
        self.images += part.images
        self.tokens += part.tokens
        self.measured += part.measured
        self.longest = max(self.longest, part.longest)

    def to_dict(self) -> dict:
        """For JSON."""
        mean = self.tokens / self.measured if self.measured else None
        return dict(
            name=self.source.name, ann_file=self.source.ann_file,
            records=self.records, images=self.images,
            errors=self.tally.total(ERROR),
            warnings=self.tally.total(WARNING),
            mean_tokens=mean, max_tokens=self.longest or None)


@dataclass
class AuditReport:
    """What was found in all files.

    Attributes:
        files (list[SourceReport]): One per annotation file.
        tally (Tally): Issues of all.
        notes (list[str]): What was not looked at.
    """

    files: list[SourceReport]
    tally: Tally
    notes: list[str] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """Number of errors."""
        return self.tally.total(ERROR)

    @property
    def warnings(self) -> int:
        """Number of warnings."""
        return self.tally.total(WARNING)

    def to_dict(self) -> dict:
        """For JSON."""
        return dict(
            errors=self.errors, warnings=self.warnings, notes=self.notes,
            files=[file.to_dict() for file in self.files],
            kinds=self.tally.to_dict())

    def __str__(self) -> str:
        width = max([4, *(len(f.source.name) for f in self.files)])
        lines = [f'{"file":<{width}} {"records":>9} {"images":>9} '
                 f'{"tokens":>7} {"longest":>7} {"errors":>7} '
                 f'{"warnings":>8}']
        for report in self.files:
            mean = f'{report.tokens / report.measured:.0f}' \
                if report.measured else '-'
            lines.append(
                f'{report.source.name:<{width}} {report.records:>9} '
                f'{report.images:>9} {mean:>7} {report.longest or "-":>7} '
                f'{report.tally.total(ERROR):>7} '
                f'{report.tally.total(WARNING):>8}')
        if self.tally.counts:
            lines += ['', str(self.tally)]
        lines += ['', *self.notes] if self.notes else []
        lines += ['', f'{self.errors} errors, {self.warnings} warnings in '
                  f'{sum(f.records for f in self.files)} records']
        return '\n'.join(lines)
