# Copyright (c) mmeo contributors. All rights reserved.
"""What a leakage audit found: table, pairs, exclude list."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Optional

from mmeo.datasets.leakage.image_set import ImageSet

KINDS = dict(
    file='same file', pixels='same pixels, other file',
    near='looks the same', shared='has pixels in common')


@dataclass(frozen=True)
class Pair:
    """A training image and a test image that belong together.

    Attributes:
        kind (str): A key of :data:`KINDS`.
        train (str): Name in the training set.
        test (str): Name in the test set.
        train_path (str): Where it lies.
        test_path (str): Where it lies.
        distance (int): Bits of the hash that differ.
        correlation (float): Of the thumbnails.
        orientation (str): How the test image is turned to fit.
        train_window (tuple, optional): ``x, y, w, h`` in pixels.
        test_window (tuple, optional): ``x, y, w, h`` in pixels.
        offset (tuple, optional): ``x, y`` in the training image where the
            test image begins (kind 'shared').
        share (float, optional): Part of the test image that is common,
            estimated from blocks (kind 'shared').
    """

    kind: str
    train: str
    test: str
    train_path: str
    test_path: str
    distance: int = 0
    correlation: float = 1.0
    orientation: str = 'upright'
    train_window: Optional[tuple[int, ...]] = None
    test_window: Optional[tuple[int, ...]] = None
    offset: Optional[tuple[int, int]] = None
    share: Optional[float] = None


@dataclass
class LeakageReport:
    """Pairs and counts.

    Attributes:
        train (ImageSet): The training set.
        test (ImageSet): The test set.
        pairs (list[Pair]): Found, the surest first.
        unreadable (dict): File to the reason.
        flat (dict): ``train`` and ``test``: images with too little contrast
            to be compared by looks.
    """

    train: ImageSet
    test: ImageSet
    pairs: list[Pair]
    unreadable: dict[str, str] = field(default_factory=dict)
    flat: dict[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The report as text."""
        lines = [f'train: {len(self.train)} images of {self.train.source}',
                 f'test:  {len(self.test)} images of {self.test.source}',
                 f'{"":<26}{"pairs":>8}{"train":>8}{"test":>8}'
                 f'{"of test":>9}']
        for kind, title in [*KINDS.items(), (None, 'any')]:
            pairs = [p for p in self.pairs if kind in (None, p.kind)]
            train = len({p.train_path for p in pairs})
            test = len({p.test_path for p in pairs})
            lines.append(f'{title:<26}{len(pairs):>8}{train:>8}{test:>8}'
                         f'{test / len(self.test):>9.2%}')
        if any(self.flat.values()):
            lines.append(
                'too little contrast to be compared by looks: '
                f'{self.flat["train"]} of train, {self.flat["test"]} of test')
        if self.unreadable:
            name, reason = next(iter(self.unreadable.items()))
            lines.append(f'unreadable: {len(self.unreadable)} (first {name}: '
                         f'{reason})')
        return lines

    def excluded(self) -> list[str]:
        """Names of training images that are to be left out."""
        return sorted({pair.train for pair in self.pairs})

    def write(self, folder: Path) -> None:
        """Write ``pairs.jsonl``, ``exclude.txt`` and ``report.txt``."""
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / 'pairs.jsonl', 'w', encoding='utf-8') as file:
            for pair in self.pairs:
                row = {key: value for key, value in asdict(pair).items()
                       if value is not None}
                file.write(json.dumps(row, ensure_ascii=False) + '\n')
        _write_lines(folder / 'exclude.txt', self.excluded())
        _write_lines(folder / 'report.txt', self.lines())
        _write_lines(folder / 'unreadable.txt', [
            f'{path}\t{reason}' for path, reason in self.unreadable.items()])

    @property
    def counts(self) -> Counter:
        """Pairs of each kind."""
        return Counter(pair.kind for pair in self.pairs)


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
