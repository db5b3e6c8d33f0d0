# Copyright (c) mmeo contributors. All rights reserved.
"""Exact repeats of datasets, and the table that shows them."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple, Optional

import numpy as np

from mmeo.errors import ConfigError

FRACTIONS = ('random', 'first')


def effective_count(length: int, repeat: float) -> int:
    """``int(length * repeat)``, the factor taken as the decimal it is
    written as: 0.29 of 100 is 29.

    Raises:
        ConfigError: If ``repeat`` is not positive.
    """
    if not repeat > 0:
        raise ConfigError(f'repeat={repeat}: give a positive number')
    return int(Fraction(str(repeat)) * length)


def repeat_indices(length: int,
                   repeat: float,
                   seed: int = 0,
                   fraction: str = 'random') -> np.ndarray:
    """Which samples a repeat factor takes, exactly and reproducibly.

    :func:`effective_count` samples: every sample ``floor(repeat)`` times and
    some of them once more.

    Args:
        length (int): Number of samples.
        repeat (float): Any positive number.
        seed (int): Of the subset. Defaults to 0.
        fraction (str): Which are taken once more: 'random' draws them,
            'first' takes the first lines (InternVL's loader, and so ViTP's
            released code). Defaults to 'random'.

    Returns:
        np.ndarray: Indices, int64.

    Raises:
        ConfigError: If ``repeat`` is not positive or ``fraction`` unknown.
    """
    if fraction not in FRACTIONS:
        raise ConfigError(f'fraction={fraction!r} is none of {FRACTIONS}')
    total = effective_count(length, repeat)
    times, rest = divmod(total, length) if length else (0, 0)
    subset = np.arange(rest) if fraction == 'first' else \
        np.sort(np.random.default_rng(seed).permutation(length)[:rest])
    return np.concatenate([np.tile(np.arange(length), times),
                           subset]).astype(np.int64)


class MixtureRow(NamedTuple):
    """A dataset's part in a mixture.

    Attributes:
        name (str): Of the dataset.
        length (int): Its samples.
        repeat (float): Factor.
        effective (int): Samples that the mixture takes from it.
        share (float): Of the mixture, from 0 to 1.
    """

    name: str
    length: int
    repeat: float
    effective: int
    share: float


def mixture_rows(names: Sequence[str], lengths: Sequence[int],
                 repeats: Sequence[float],
                 counts: Optional[Sequence[int]] = None) -> list[MixtureRow]:
    """The shares of datasets in a mixture.

    Args:
        names (Sequence[str]): Of the datasets.
        lengths (Sequence[int]): Their samples.
        repeats (Sequence[float]): Their factors.
        counts (Sequence[int], optional): What the mixture takes of each. By
            default that follows from the factor.
    """
    if counts is None:
        counts = [effective_count(n, r) for n, r in zip(lengths, repeats)]
    total = max(sum(counts), 1)
    return [MixtureRow(*row, row[-1] / total)
            for row in zip(names, lengths, repeats, counts)]


def format_mixture(rows: Sequence[MixtureRow],
                   title: Optional[str] = None) -> str:
    """The rows as a plain table with a sum."""
    width = max([len('dataset'), *(len(row.name) for row in rows)])
    lines = [title] if title else []
    lines.append(f'{"dataset":<{width}} {"length":>9} {"repeat":>7} '
                 f'{"effective":>10} {"share":>6}')
    for row in rows:
        lines.append(f'{row.name:<{width}} {row.length:>9} {row.repeat:>7g} '
                     f'{row.effective:>10} {row.share:>6.1%}')
    lines.append(f'{"sum":<{width}} {sum(r.length for r in rows):>9} '
                 f'{"":>7} {sum(r.effective for r in rows):>10} {1:>6.1%}')
    return '\n'.join(lines)
