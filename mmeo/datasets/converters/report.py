# Copyright (c) mmeo contributors. All rights reserved.
"""What a converter did, in numbers."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    """Counts of what was written, what was left out and what is odd.

    Args:
        counts (Counter): What was written, by kind.
        dropped (Counter): What was left out, by reason.
        odd (Counter): What was kept although it looks wrong.
    """

    counts: Counter = field(default_factory=Counter)
    dropped: Counter = field(default_factory=Counter)
    odd: Counter = field(default_factory=Counter)

    def add(self, other: 'Report') -> 'Report':
        """Add the numbers of another report, in place."""
        self.counts.update(other.counts)
        self.dropped.update(other.dropped)
        self.odd.update(other.odd)
        return self

    def __str__(self) -> str:
        lines = [f'{count:>9,} {kind}'
                 for kind, count in sorted(self.counts.items())]
        for title, numbers in (('left out', self.dropped),
                               ('kept, but odd', self.odd)):
            if numbers:
                lines.append(f'{title}:')
                lines += [f'{count:>9,} {reason}'
                          for reason, count in sorted(numbers.items())]
        return '\n'.join(lines)
