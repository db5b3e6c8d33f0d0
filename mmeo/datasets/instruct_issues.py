# Copyright (c) mmeo contributors. All rights reserved.
"""What can be wrong with instruction data, counted with examples."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

ERROR, WARNING = 'error', 'warning'

# An error stops a training run or teaches nonsense; a warning is worth a look.
KINDS = {
    'annotation': (ERROR, 'annotation file absent or unreadable'),
    'json': (ERROR, 'line is not JSON'),
    'record': (ERROR, 'record has not the form of a dialogue'),
    'role': (ERROR, 'unknown role of a turn'),
    'order': (ERROR, 'turns do not go human, gpt, human, gpt, ...'),
    'answer': (ERROR, 'empty answer'),
    'placeholder': (ERROR, '<image> placeholders and images differ'),
    'control-token': (ERROR, 'text holds a control token of the template'),
    'image-missing': (ERROR, 'image file absent'),
    'image-broken': (ERROR, 'image cannot be opened or decoded'),
    'image-mode': (ERROR, 'image is not 8-bit colour or grey'),
    'box-form': (ERROR, 'box tag not closed, or not four numbers a box'),
    'box-range': (ERROR, 'box coordinate outside 0 to 1000 (with task tokens '
                  '0 to 100)'),
    'box-inverted': (ERROR, 'box corners in the wrong order'),
    'task-token': (ERROR, 'question opens with an unknown task token'),
    'mask-form': (ERROR, 'mask answer with wrong rows or sums'),
    'mask-label': (ERROR, 'mask answer with a label that is not asked for'),
    'truth': (ERROR, 'fields for metrics absent, or several questions'),
    'granularity': (ERROR, 'questions of one dialogue need several experts'),
    'too-long': (ERROR, 'sample does not fit into max_seq_len'),
    'box-empty': (WARNING, 'box without area'),
    'cut': (WARNING, 'sample loses rounds to fit into max_seq_len'),
    'question': (WARNING, 'empty question'),
    'duplicate-id': (WARNING, 'id of an earlier record of the same file'),
    'length': (WARNING, 'number of records is not the one stated'),
}


class Issue(NamedTuple):
    """One flaw.

    Attributes:
        kind (str): Of :data:`KINDS`.
        source (str): ``file:line``.
        message (str): What is wrong with it.
    """

    kind: str
    source: str
    message: str


@dataclass
class Tally:
    """Issues by kind: how many, and the first of each.

    Attributes:
        limit (int): Examples kept of each kind.
        counts (Counter): Issues by kind.
        examples (dict[str, list[Issue]]): The first of each kind.
    """

    limit: int = 5
    counts: Counter = field(default_factory=Counter)
    examples: dict[str, list[Issue]] = field(default_factory=dict)

    def add(self, issue: Issue) -> None:
        """Count an issue."""
        self.counts[issue.kind] += 1
        kept = self.examples.setdefault(issue.kind, [])
        if len(kept) < self.limit:
            kept.append(issue)

    def merge(self, other: 'Tally') -> None:
        """Add the issues of later records."""
        self.counts.update(other.counts)
        for kind, issues in other.examples.items():
            kept = self.examples.setdefault(kind, [])
            kept += issues[:max(self.limit - len(kept), 0)]

    def total(self, level: str) -> int:
        """Issues of a level."""
        return sum(count for kind, count in self.counts.items()
                   if KINDS[kind][0] == level)

    def to_dict(self) -> dict:
        """For JSON: level, count and examples by kind."""
        return {
            kind: dict(
                level=KINDS[kind][0], meaning=KINDS[kind][1],
                count=self.counts[kind],
                examples=[issue._asdict() for issue in self.examples[kind]])
            for kind in KINDS if self.counts[kind]
        }

    def __str__(self) -> str:
        lines = []
        for kind in KINDS:
            if not self.counts[kind]:
                continue
            level, meaning = KINDS[kind]
            lines.append(f'{level:<7} {kind:<13} {self.counts[kind]:>8}  '
                         f'{meaning}')
            lines += [f'          {issue.source}: {issue.message}'
                      for issue in self.examples[kind]]
        return '\n'.join(lines)
