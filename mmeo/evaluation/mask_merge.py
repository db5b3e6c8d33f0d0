# Copyright (c) mmeo contributors. All rights reserved.
"""Answers about single classes put together to one map, tiles to one image.

How RSUniVLM combines its single-class masks is not published: both rules here
are ours.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from mmeo.errors import DataError

UNCLAIMED = -1


class Box(NamedTuple):
    """A window of an image in pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


def merge_cells(labels: np.ndarray,
                scores: Optional[np.ndarray],
                priority: Sequence[int]) -> np.ndarray:
    """Decide for each cell among the classes that claim it.

    With scores the claim of the highest one wins, and ``priority`` decides
    between equal ones; without, ``priority`` alone.

    Args:
        labels (np.ndarray): ``(n, g, g)`` int, of each answer the class that
            it puts into a cell, -1 where it claims none.
        scores (np.ndarray, optional): ``(n, g, g)`` float, how sure the
            answer is of it; nan counts as least sure.
        priority (Sequence[int]): All K class ids, the strongest first.

    Returns:
        np.ndarray: ``(g, g)`` int, -1 where no class claims the cell.
    """
    last = len(priority) + 1
    rank_of = np.full(len(priority) + 1, last)  # the last one serves -1
    rank_of[list(priority)] = np.arange(len(priority))
    rank = rank_of[labels]
    if scores is not None:
        claimed = labels != UNCLAIMED
        sure = np.where(claimed & ~np.isnan(scores), scores, -np.inf)
        rank = np.where(claimed & (sure == sure.max(0)), rank, last)
    winner = rank.argmin(0)  # (g, g)
    return np.take_along_axis(labels, winner[None], 0)[0]


def core_boxes(tiles: Sequence[Box]) -> list[Box]:
    """The part of each tile that decides: up to the middle of overlaps.

    A model sees least around a pixel at the border of its tile.

    Args:
        tiles (Sequence[Box]): Tiles of one image on a grid, each once; the
            outer ones keep their outer borders.

    Returns:
        list[Box]: In the same order; they do not overlap.

    Raises:
        DataError: If two tiles start at one place of a side and end at
            different ones.
    """
    columns = _shares([(tile.x, tile.x + tile.width) for tile in tiles])
    rows = _shares([(tile.y, tile.y + tile.height) for tile in tiles])
    cores = []
    for tile in tiles:
        left, right = columns[tile.x]
        top, bottom = rows[tile.y]
        cores.append(Box(left, top, right - left, bottom - top))
    return cores


def _shares(spans: Sequence[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Start of each span to the part of the axis that is its own."""
    ordered = sorted(set(spans))
    starts = [start for start, _ in ordered]
    if len(set(starts)) != len(starts):
        raise DataError(f'tiles are on no grid: their sides span {ordered}. '
                        'Cut an image in one way, or score each tile by '
                        'itself (`stitch=False`).')
    begins, ends = [ordered[0][0]], []
    for (_, end), (start, _) in zip(ordered, ordered[1:]):
        cut = (start + end + 1) // 2 if end > start else end
        ends.append(cut)
        begins.append(max(cut, start))
    ends.append(ordered[-1][1])
    return {start: span
            for start, span in zip(starts, zip(begins, ends))}
