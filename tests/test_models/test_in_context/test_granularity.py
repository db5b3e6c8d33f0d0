# Copyright (c) mmeo contributors. All rights reserved.
"""Semantic granularity annealing against its formula, written out anew."""

import math
import random
from collections import Counter

import numpy as np
import pytest

from mmeo.errors import ConfigError
from mmeo.models.in_context.granularity import (
    Granularity,
    GranularitySchedule,
)


def by_the_paper(t: float, period: float, levels: int,
                 tau: float) -> tuple[float, list[float]]:
    """mu(t) and p(l|t), one number at a time."""
    gamma = (1 - math.cos(math.pi * min(1., t / period))) / 2
    mu = 1 + gamma * (levels - 1)
    weights = [math.exp(-abs(level - mu) / tau)
               for level in range(1, levels + 1)]
    return mu, [w / sum(weights) for w in weights]


@pytest.mark.parametrize('levels', [1, 2, 3, 5])
@pytest.mark.parametrize('tau', [0.1, 0.5, 2.])
@pytest.mark.parametrize('period', [0.3, 0.8, 1.])
def test_formula(levels: int, tau: float, period: float) -> None:
    schedule = GranularitySchedule(levels, tau, period)
    for step in range(11):
        t = step / 10
        mu, p = by_the_paper(t, period, levels, tau)
        assert schedule.mean(t) == pytest.approx(mu, abs=1e-12)
        np.testing.assert_allclose(schedule.probabilities(t), p, atol=1e-12)


@pytest.mark.parametrize('levels', [2, 3, 6])
def test_ends(levels: int) -> None:
    schedule = GranularitySchedule(levels, tau=0.5, period=0.8)
    first, last = schedule.probabilities(0), schedule.probabilities(0.8)
    assert schedule.mean(0) == 1
    assert schedule.mean(0.8) == schedule.mean(1) == schedule.mean(2) == levels
    assert first.argmax() == 0 and last.argmax() == levels - 1
    # A step away from the mean costs exp(1 / tau), and the ends mirror.
    np.testing.assert_allclose(first[:-1] / first[1:], math.exp(2))
    np.testing.assert_allclose(first, last[::-1])
    np.testing.assert_array_equal(schedule.probabilities(1), last)
    # The paper switches softly: no level is ever given up.
    assert first.min() > 0 and last.min() > 0


def test_mean_rises_all_the_time() -> None:
    schedule = GranularitySchedule(4)
    times = np.linspace(0, 0.8, 200)
    means = [schedule.mean(t) for t in times]
    expected = [np.arange(1, 5) @ schedule.probabilities(t) for t in times]
    assert (np.diff(means) > 0).all()
    assert (np.diff(expected) > 0).all()


def test_a_small_temperature_draws_the_nearest_level() -> None:
    sharp = GranularitySchedule(3, tau=1e-6)
    assert sharp.probabilities(0.3).tolist() == [0, 1, 0]
    hard = GranularitySchedule(3, hard=True)
    for t in np.linspace(0, 1, 50):
        assert hard.probabilities(t).argmax() == \
            sharp.probabilities(t).argmax()
        assert hard.probabilities(t).max() == 1


def test_draws_have_the_probabilities() -> None:
    schedule = GranularitySchedule(3)
    rng = np.random.default_rng(0)
    counts = Counter(schedule.draw(0.3, rng) for _ in range(20000))
    shares = [counts[level] / 20000 for level in range(3)]
    np.testing.assert_allclose(shares, schedule.probabilities(0.3), atol=0.01)


def test_a_draw_takes_one_number_whatever_comes_out() -> None:
    for progress in (0., 0.5, 1.):
        mine, other = np.random.default_rng(5), np.random.default_rng(5)
        Granularity(GranularitySchedule(3), progress).draw(mine)
        other.random()
        assert mine.random() == other.random()
    assert GranularitySchedule(1).draw(0.5, random.Random(0)) == 0


@pytest.mark.parametrize('kwargs, field', [
    (dict(levels=0), 'levels'), (dict(levels=3, tau=0), 'tau'),
    (dict(levels=3, period=-1), 'period'),
    (dict(levels=3, tau=math.inf), 'tau')])
def test_bad_values(kwargs: dict, field: str) -> None:
    with pytest.raises(ConfigError, match=f'`{field}`'):
        GranularitySchedule(**kwargs)


def test_bad_progress() -> None:
    with pytest.raises(ValueError, match='progress'):
        GranularitySchedule(3).mean(-0.1)
