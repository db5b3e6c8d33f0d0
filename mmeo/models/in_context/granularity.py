# Copyright (c) mmeo contributors. All rights reserved.
"""Semantic granularity annealing (SGA): coarse classes first, leaves last."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mmeo.errors import ConfigError


class RandomSource(Protocol):
    """``numpy.random.Generator`` or ``random.Random``."""

    def random(self) -> float:
        """A number from 0 to below 1."""


@dataclass(frozen=True)
class GranularitySchedule:
    """How likely each level of a class hierarchy is at a time of training.

    With levels 1 (coarsest) to L (leaves), time t and period T, from the
    paper (SkySense-VITA, semantic granularity annealing)::

        gamma(t) = (1 - cos(pi min(1, t / T))) / 2
        mu(t)    = 1 + gamma(t) (L - 1)
        p(l | t) ~ exp(-|l - mu(t)| / tau)

    so every level keeps a share at all times. Outside of the formulas levels
    count from 0: :meth:`draw` gives ``l - 1``, the index into a class's path.

    Args:
        levels (int): L. 1 always gives leaves.
        tau (float): Temperature, in levels; towards 0 only the nearest level
            is drawn. Defaults to 0.5 (our choice).
        period (float): T as a share of training, above 0; the mean reaches
            the leaves there and stays. Defaults to 0.8 (our choice).
        hard (bool): Draw the level nearest to ``mu(t)`` alone, the finer of
            two at the same distance: the switching from level to level that
            the paper avoids, for ablations. Defaults to False.

    Raises:
        ConfigError: If a value is out of its range.
    """

    levels: int
    tau: float = 0.5
    period: float = 0.8
    hard: bool = False

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ConfigError('GranularitySchedule: `levels` is at least 1, '
                              f'got {self.levels}')
        for name in ('tau', 'period'):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ConfigError(f'GranularitySchedule: `{name}` is above '
                                  f'0, got {value}')

    def mean(self, progress: float) -> float:
        """mu(t), from 1 (coarsest) to L (leaves).

        Args:
            progress (float): Iteration / number of iterations, from 0.
        """
        if not 0 <= progress < math.inf:
            raise ValueError(f'progress is 0 or more, got {progress}')
        share = min(1., progress / self.period)
        gamma = (1 - math.cos(math.pi * share)) / 2
        return 1 + gamma * (self.levels - 1)

    def probabilities(self, progress: float) -> np.ndarray:
        """p(l | t), float64 ``(L, )``, coarsest first; sums to 1."""
        mean = self.mean(progress)
        if self.hard:
            p = np.zeros(self.levels)
            p[math.floor(mean + 0.5) - 1] = 1.
            return p
        distance = np.abs(np.arange(1, self.levels + 1) - mean)
        # The nearest level is 0 in the exponent, whatever tau is.
        p = np.exp(-(distance - distance.min()) / self.tau)
        return p / p.sum()

    def draw(self, progress: float, rng: RandomSource) -> int:
        """Draw a level.

        Args:
            progress (float): Iteration / number of iterations.
            rng (RandomSource): Asked for one number, so that what follows
                does not depend on the level.

        Returns:
            int: 0 (coarsest) to L - 1 (leaves).
        """
        bounds = np.cumsum(self.probabilities(progress))[:-1]
        return int(np.searchsorted(bounds, rng.random(), side='right'))


@dataclass(frozen=True)
class Granularity:
    """A schedule at a time: what the data preprocessor draws levels from.

    Args:
        schedule (GranularitySchedule): The schedule.
        progress (float): Iteration / number of iterations.
    """

    schedule: GranularitySchedule
    progress: float

    @property
    def levels(self) -> int:
        """L, which the class paths of all samples must have."""
        return self.schedule.levels

    def draw(self, rng: RandomSource) -> int:
        """Draw a level, 0 (coarsest) to L - 1 (leaves)."""
        return self.schedule.draw(self.progress, rng)
