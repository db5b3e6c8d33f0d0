# Copyright (c) mmeo contributors. All rights reserved.
"""What became of the keys of a checkpoint."""

from dataclasses import dataclass, field


def _shorten(keys: list[str], limit: int) -> str:
    more = f', and {len(keys) - limit} more' if len(keys) > limit else ''
    return ', '.join(keys[:limit]) + more


@dataclass
class Report:
    """Counts of a conversion or of loading.

    Attributes:
        family (str): E.g. ``'internvit'``.
        layout (str): Layout that was found, e.g. ``'hf'``.
        matched (int): Keys that were used.
        missing (list[str]): Keys that were looked for and are absent.
        unexpected (list[str]): Keys of the file that were not used.
        resized (list[str]): Keys whose tensors got another shape, and how.
        notes (list[str]): What else the reader should know.
        part (str): Part of a checkpoint that was taken, where it has several.
    """
    family: str
    layout: str
    matched: int = 0
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    part: str = ''

    def text(self, limit: int = 8) -> str:
        """Lines for a log, at most ``limit`` names of a kind."""
        lines = [
            f'{self.family} weights{f", part {self.part}" * bool(self.part)} '
            f'in {self.layout} layout: '
            f'{self.matched} matched, {len(self.missing)} missing, '
            f'{len(self.unexpected)} unexpected, {len(self.resized)} resized'
        ]
        if self.missing:
            lines.append('  missing: ' + _shorten(self.missing, limit))
        if self.unexpected:
            lines.append('  unexpected: ' + _shorten(self.unexpected, limit))
        if self.resized:
            lines.append('  resized: ' + _shorten(self.resized, limit))
        lines += [f'  note: {note}' for note in self.notes]
        return '\n'.join(lines)
