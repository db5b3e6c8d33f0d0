# Copyright (c) mmeo contributors. All rights reserved.
"""Which class gets a cell, and which tile a pixel."""

import numpy as np
import pytest

from mmeo.errors import DataError
from mmeo.evaluation.mask_merge import Box, core_boxes, merge_cells


def _claims(*columns: int) -> np.ndarray:
    """One row of claims per answer: labels ``(n, 1, g)``."""
    return np.array(columns)[:, None]


def test_order_decides_without_scores() -> None:
    labels = _claims([0, 0, -1, -1], [1, -1, 1, -1])
    assert merge_cells(labels, None, (0, 1)).tolist() == [[0, 0, 1, -1]]
    assert merge_cells(labels, None, (1, 0)).tolist() == [[1, 0, 1, -1]]


def test_the_likelier_claim_wins_whatever_the_order() -> None:
    labels = _claims([0, 0, -1, 0], [1, 1, 1, -1])
    scores = np.array([[-0.1, -2.0, 0.0, -9.0],
                       [-0.5, -0.5, -8.0, 0.0]])[:, None]
    for priority in ((0, 1), (1, 0)):
        merged = merge_cells(labels, scores, priority)
        # A likely *background* (the third cell of answer 0) claims nothing.
        assert merged.tolist() == [[0, 1, 1, 0]]


def test_priority_decides_between_equal_scores() -> None:
    labels = _claims([0, 0], [1, 1])
    scores = np.array([[-1.0, np.nan], [-1.0, -np.inf]])[:, None]
    assert merge_cells(labels, scores, (1, 0)).tolist() == [[1, 1]]
    assert merge_cells(labels, scores, (0, 1)).tolist() == [[0, 0]]


def test_merging_does_not_depend_on_the_order_of_answers() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 4, (6, 5, 5))
    scores = rng.normal(size=labels.shape).round(1)
    order = rng.permutation(6)
    for given in (scores, None):
        once = merge_cells(labels, given, (2, 0, 1, 3))
        again = merge_cells(labels[order],
                            None if given is None else given[order],
                            (2, 0, 1, 3))
        np.testing.assert_array_equal(once, again)


def test_tiles_share_their_overlap_and_leave_no_gap() -> None:
    starts = (0, 256, 512, 588)  # the last one is shifted to the border
    tiles = [Box(x, y, 512, 512) for y in starts for x in starts]
    owners = np.zeros((1100, 1100), int)
    for tile, core in zip(tiles, core_boxes(tiles)):
        owners[core.y:core.y + core.height, core.x:core.x + core.width] += 1
        assert tile.x <= core.x
        assert core.x + core.width <= tile.x + tile.width
    assert (owners == 1).all()


def test_absent_tiles_leave_their_own_pixels_alone() -> None:
    cores = core_boxes([Box(0, 0, 10, 10), Box(20, 0, 10, 10)])
    assert cores == [Box(0, 0, 10, 10), Box(20, 0, 10, 10)]


def test_tiles_of_two_sizes_are_refused() -> None:
    with pytest.raises(DataError, match='stitch=False'):
        core_boxes([Box(0, 0, 10, 10), Box(0, 0, 20, 20)])
