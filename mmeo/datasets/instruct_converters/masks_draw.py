# Copyright (c) mmeo contributors. All rights reserved.
"""Which classes are asked for in which tiles, so that classes are balanced.

The paper gives sizes of its mask sets, not how their samples were chosen;
all rules here are ours.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np
from mmengine.logging import print_log

from mmeo.datasets.instruct_converters.masks_grid import TileGrid
from mmeo.datasets.instruct_converters.wording import Wording


class Draw(NamedTuple):
    """Settings.

    Attributes:
        count (int, optional): Samples; by default no class has more than the
            median class offers.
        negatives (float): Share of samples that ask for a class which is
            absent.
        min_cells (int): Cells that make a class present.
    """

    count: Optional[int] = None
    negatives: float = 0.1
    min_cells: int = 1


class Pairs(NamedTuple):
    """Tiles and classes.

    Attributes:
        present (np.ndarray): ``(N, K)`` bool, the class has enough cells.
        absent (np.ndarray): ``(N, K)`` bool, the class has no pixel.
        small (np.ndarray): ``(N, K)`` bool, neither: it slips through the
            grid, and no answer would be true.
    """

    present: np.ndarray
    absent: np.ndarray
    small: np.ndarray


def pairs_of(grids: Sequence[TileGrid], asked: Sequence[int],
             min_cells: int) -> Pairs:
    """What can be asked of each tile.

    Args:
        grids (Sequence[TileGrid]): Of the tiles.
        asked (Sequence[int]): Classes that are asked for; K of them.
        min_cells (int): Cells that make a class present.
    """
    cells = np.array([g.cells[asked] for g in grids]).reshape(
        len(grids), len(asked))
    pixels = np.array([g.pixels[asked] for g in grids]).reshape(cells.shape)
    present = cells >= max(min_cells, 1)
    absent = pixels == 0
    return Pairs(present, absent, ~present & ~absent)


def fair_shares(available: Sequence[int],
                total: Optional[int] = None) -> list[int]:
    """Equal shares, as far as each class goes.

    What a rare class cannot give is spread over the others.

    Args:
        available (Sequence[int]): Candidates of each class.
        total (int, optional): To be given out. By default each class gives
            what it has, up to the median of the classes that occur.

    Returns:
        list[int]: Of each class; their sum is ``total`` or all there is.
    """
    rows = np.asarray(available, np.int64)
    if total is None:
        found = rows[rows > 0]
        limit = int(np.median(found)) if len(found) else 0
        return np.minimum(rows, limit).tolist()
    shares = np.zeros_like(rows)
    left = min(total, int(rows.sum()))
    while left:
        open_ = np.flatnonzero(rows > shares)
        step, rest = divmod(left, len(open_))
        # The rest goes to the rarest classes that still have candidates.
        order = open_[np.argsort(rows[open_], kind='stable')]
        add = np.full(len(order), step)
        add[:rest] += 1
        add = np.minimum(add, (rows - shares)[order])
        shares[order] += add
        left -= int(add.sum())
    return shares.tolist()


def draw_pairs(pairs: Pairs, settings: Draw,
               wording: Wording) -> list[tuple[int, int]]:
    """Tiles and classes that become samples, in the order of the tiles.

    Args:
        pairs (Pairs): What can be asked.
        settings (Draw): How many, and how many of them for absent classes.
        wording (Wording): Seeds the draw.

    Returns:
        list[tuple[int, int]]: Tile and class (a column of ``pairs``).
    """
    share = settings.negatives
    if settings.count is None:
        positive = fair_shares(pairs.present.sum(0))
        wanted = round(sum(positive) * share / (1 - share))
    else:
        wanted = round(settings.count * share)
        positive = fair_shares(pairs.present.sum(0), settings.count - wanted)
    negative = fair_shares(pairs.absent.sum(0), wanted)
    drawn = []
    for name, table, shares in (('present', pairs.present, positive),
                                ('absent', pairs.absent, negative)):
        for column, number in enumerate(shares):
            rows = np.flatnonzero(table[:, column]).tolist()
            drawn += [(row, column) for row in wording.choose(
                f'masks:{name}:{column}', rows, number)]
    if settings.count is not None and len(drawn) < settings.count:
        print_log(f'{settings.count} samples were asked for (--count), the '
                  f'data have {len(drawn)}', 'current', level=30)
    return sorted(drawn)


def every_pair(pairs: Pairs) -> list[tuple[int, int]]:
    """All classes of all tiles, for evaluation."""
    tiles, columns = pairs.present.shape
    return [(row, column) for row in range(tiles)
            for column in range(columns)]
