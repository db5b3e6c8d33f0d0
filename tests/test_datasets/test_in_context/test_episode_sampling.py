# Copyright (c) mmeo contributors. All rights reserved.
"""What is drawn for an episode: ranges and shares."""

import numpy as np
import pytest

from mmeo.datasets.in_context.episode_sampling import (
    check_kinds,
    check_shots,
    draw_classes,
    draw_image,
    order_wanted,
)
from mmeo.errors import ConfigError


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_negatives_fill_up(rng) -> None:
    for _ in range(50):
        drawn = draw_classes([3, 5], range(10), 6, True, 0., rng)
        assert len(drawn) == len(set(drawn)) == 6 and {3, 5} <= set(drawn)
        assert list(drawn) == sorted(drawn)
    assert draw_classes([3, 5], range(4, 6), 6, True, 0., rng) == (3, 4, 5)


def test_no_negatives_and_any_number_of_them(rng) -> None:
    assert draw_classes([3, 5], range(10), 6, False, 0., rng) == (3, 5)
    sizes = [len(draw_classes([3, 5], range(10), 6, 'random', 0., rng))
             for _ in range(2000)]
    assert np.allclose(np.bincount(sizes)[2:] / 2000, 1 / 5, atol=.04)


def test_at_most_so_many_classes(rng) -> None:
    seen = set()
    for _ in range(100):
        drawn = draw_classes(range(8), range(8), 3, True, 0., rng)
        assert len(drawn) == 3
        seen |= set(drawn)
    assert seen == set(range(8))


def test_a_share_of_episodes_asks_for_some_of_the_classes(rng) -> None:
    sizes = [len(draw_classes([0, 1, 2], range(3), 9, False, .6, rng))
             for _ in range(3000)]
    # One in three of those keeps all classes.
    assert abs(np.mean(np.array(sizes) < 3) - 0.4) < 0.03
    assert min(sizes) == 1
    # A class left out is not asked for as a negative either.
    for _ in range(50):
        assert set(draw_classes([0, 1], [0, 1], 9, True, 1., rng)) <= {0, 1}


def test_the_image_with_most_classes_is_taken(rng) -> None:
    counts = np.array([[9, 0, 0], [9, 9, 0], [9, 9, 2], [0, 9, 9]])
    images = np.arange(4)
    assert draw_image(images[:3], counts, [0, 1], 5, 3, rng) in (1, 2)
    assert draw_image(images, counts, [0, 1, 2], 2, 4, rng) == 2
    assert {draw_image(images, counts, [0, 1, 2], 2, 1, rng)
            for _ in range(100)} == {0, 1, 2, 3}
    assert draw_image(images[:0], counts, [0], 1, 4, rng) is None


def test_classes_without_example_come_first(rng) -> None:
    order = order_wanted([1, 2, 3, 4], [2, 4], rng)
    assert set(order[:2]) == {1, 3} and set(order[2:]) == {2, 4}


def test_settings_are_checked() -> None:
    assert check_shots(2) == (2, 2) and check_shots([1, 4]) == (1, 4)
    for shots in (0, (3, 2)):
        with pytest.raises(ConfigError, match='shots='):
            check_shots(shots)
    assert check_kinds(dict(mask=3, point=1))[1].tolist() == [.75, .25]
    for kinds in (dict(scribble=1), {}, dict(mask=0), dict(mask=-1, box=2)):
        with pytest.raises(ConfigError, match='prompt_kinds='):
            check_kinds(kinds)
