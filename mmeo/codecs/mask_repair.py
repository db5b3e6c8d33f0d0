# Copyright (c) mmeo contributors. All rights reserved.
"""Makes a full grid of rows that may be short, long, missing or unknown."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmeo.codecs.mask_dialects import label_key
from mmeo.codecs.mask_rows import MaskRow, MaskRun


class Repaired(NamedTuple):
    """A grid and what was done to it; see :class:`mmeo.codecs.MaskText`."""

    mask: np.ndarray
    repairs: int
    missing: int
    extra: int
    unknown: tuple[str, ...]


class _Labels:
    """Ids of labels; unknown ones are background and are remembered."""

    def __init__(self, names: Sequence[str]) -> None:
        self.ids = {label_key(name): i for i, name in enumerate(names)}
        self.unknown: dict[str, None] = {}

    def fill(self, runs: Sequence[MaskRun], cells: int) -> list[int]:
        """Ids of at most ``cells`` cells."""
        row: list[int] = []
        for run in runs:
            label = label_key(run.label)
            if label not in self.ids:
                self.unknown[label] = None
            row += [self.ids.get(label, 0)] * min(run.count, cells - len(row))
        return row


def repair_rows(rows: Sequence[MaskRow], names: Sequence[str], grid: int,
                copy: bool) -> Repaired:
    """Mend each row by itself.

    Args:
        rows (Sequence[MaskRow]): As they were found.
        names (Sequence[str]): Background first.
        grid (int): Cells of a side.
        copy (bool): Missing rows repeat the last one instead of being
            background.

    Returns:
        Repaired: The grid.
    """
    labels = _Labels(names)
    mask = np.zeros((grid, grid), dtype=np.int64)
    repairs = 0
    for i, row in enumerate(rows[:grid]):
        cells = labels.fill(row.runs, grid)
        repairs += bool(row.dropped) or sum(
            run.count for run in row.runs) != grid
        mask[i] = cells + [cells[-1] if cells else 0] * (grid - len(cells))
    missing = max(grid - len(rows), 0)
    if copy and rows:
        mask[grid - missing:] = mask[grid - missing - 1]
    return Repaired(mask, repairs, missing, max(len(rows) - grid, 0),
                    tuple(labels.unknown))


def repair_flat(rows: Sequence[MaskRow], names: Sequence[str], grid: int,
                copy: bool) -> Repaired:
    """Put all runs one behind the other, as Text4Seg's code does.

    Rows are the last label's where the runs end too early (``copy`` changes
    nothing here). A sum of runs that is wrong is one repair.
    """
    labels = _Labels(names)
    runs = [run for row in rows for run in row.runs]
    cells = labels.fill(runs, grid * grid)
    total = sum(run.count for run in runs)
    repairs = sum(row.dropped for row in rows) + (total != grid * grid)
    cells += [cells[-1] if cells else 0] * (grid * grid - len(cells))
    return Repaired(
        np.array(cells, dtype=np.int64).reshape(grid, grid),
        repairs if runs else 0, max(grid - -(-total // grid), 0),
        max(-(-total // grid) - grid, 0), tuple(labels.unknown))
