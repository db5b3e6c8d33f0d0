# Copyright (c) mmeo contributors. All rights reserved.
"""How sure a model was of each cell of a mask that it wrote."""

from collections.abc import Sequence

import numpy as np

from mmeo.codecs.mask_rows import read_rows
from mmeo.errors import DataError


def cell_logprobs(pieces: Sequence[str],
                  logprobs: Sequence[float],
                  grid: int = 24) -> np.ndarray:
    """Mean token log-probability of the run that covers a cell.

    Tells answers to several questions about one image apart where they claim
    the same cell (our choice; the paper does not say how its single-class
    answers become one map). Separators do not count. A row that
    :func:`mmeo.codecs.decode_mask` fills with its last label gets that
    label's score.

    Args:
        pieces (Sequence[str]): Text of each token; joined they are the
            answer.
        logprobs (Sequence[float]): Natural logarithms of their
            probabilities.
        grid (int): Cells of a side. Defaults to 24.

    Returns:
        np.ndarray: ``(g, g)`` float64; minus infinity where the text says
        nothing about a cell.

    Raises:
        DataError: If pieces and log-probabilities differ in number.
    """
    if len(pieces) != len(logprobs):
        raise DataError(f'{len(pieces)} pieces of text but {len(logprobs)} '
                        'log-probabilities')
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    starts = np.concatenate(([0], ends[:-1])).astype(np.int64)
    # A token that spells nothing (part of a character) belongs to the next.
    sums = np.concatenate(([0.0], np.cumsum(logprobs, dtype=np.float64)))
    scores = np.full((grid, grid), -np.inf)
    for i, row in enumerate(read_rows(''.join(pieces)).rows[:grid]):
        column = 0
        for run in row.runs:
            first = int(np.searchsorted(ends, run.start, side='right'))
            last = int(np.searchsorted(starts, run.stop, side='left'))
            mean = (sums[last] - sums[first]) / (last - first)
            scores[i, column:column + run.count] = mean
            column += run.count
        if row.runs:
            scores[i, column:] = mean
    return scores
