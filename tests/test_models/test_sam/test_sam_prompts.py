# Copyright (c) mmeo contributors. All rights reserved.
"""What SAM is asked says the same as the mask."""

import numpy as np
import pytest

from mmeo.errors import ConfigError
from mmeo.models.in_context.prompt_kinds import points_to_mask
from mmeo.models.sam import region_prompts


def disk(mask: np.ndarray, x: int, y: int, radius: int) -> None:
    rows, columns = np.ogrid[:mask.shape[0], :mask.shape[1]]
    mask |= (rows - y)**2 + (columns - x)**2 <= radius**2


def test_boxes_are_those_of_the_regions() -> None:
    mask = np.zeros((40, 50), bool)
    mask[3:10, 5:20] = True
    mask[30:32, 40:50] = True
    boxes = [p.box.tolist() for p in region_prompts(mask, 2, 'box')]
    assert boxes == [[5, 3, 19, 9], [40, 30, 49, 31]]
    whole, = region_prompts(mask, 2, 'box', group='class')
    assert whole.box.tolist() == [5, 3, 49, 31] and whole.class_id == 2


@pytest.mark.parametrize('radius', [1., 4., 8.])
def test_points_are_found_again(radius: float) -> None:
    points = [[20, 12], [26, 15], [0, 30], [49, 39]]
    mask = points_to_mask(points, (40, 50), radius).numpy()
    prompts = region_prompts(mask, 0, 'point', radius=radius)
    found = [p.points[0].tolist() for p in prompts]
    assert sorted(found) == sorted(points)


@pytest.mark.parametrize('radius', [3., 8., 100.])
def test_a_region_is_one_point(radius: float) -> None:
    mask = np.zeros((40, 50), bool)
    mask[5:36, 10:41] = True
    prompt, = region_prompts(mask, 0, 'point', radius=radius)
    assert prompt.points.tolist() == [[25, 20]]
    full, = region_prompts(np.ones((41, 61), bool), 0, 'point', radius=radius)
    assert full.points.tolist() == [[30, 20]]


def test_points_of_a_class_go_together_if_asked() -> None:
    mask = np.zeros((40, 50), bool)
    disk(mask, 10, 10, 3)
    disk(mask, 40, 30, 3)
    prompt, = region_prompts(mask, 0, 'point', group='class')
    assert sorted(prompt.points.tolist()) == [[10, 10], [40, 30]]
    assert len(region_prompts(mask, 0, 'point')) == 2


def test_point_of_a_ring_lies_on_it() -> None:
    mask = np.zeros((40, 40), bool)
    disk(mask, 20, 20, 15)
    hole = np.zeros_like(mask)
    disk(hole, 20, 20, 8)
    mask &= ~hole
    (x, y), = region_prompts(mask, 0, 'point')[0].points.astype(int)
    assert mask[y, x]


def test_regions_add_up_to_the_mask() -> None:
    mask = np.random.default_rng(0).random((30, 30)) > .6
    prompts = region_prompts(mask, 0, 'mask')
    assert np.array_equal(np.sum([p.mask for p in prompts], axis=0), mask)
    assert all(p.box is not None for p in prompts)


def test_empty_mask_asks_nothing() -> None:
    assert region_prompts(np.zeros((5, 5), bool), 0) == []


def test_unknown_words_are_named() -> None:
    mask = np.ones((5, 5), bool)
    with pytest.raises(ConfigError, match='scribble'):
        region_prompts(mask, 0, 'scribble')
    with pytest.raises(ConfigError, match='image'):
        region_prompts(mask, 0, 'box', group='image')
