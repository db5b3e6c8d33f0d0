# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes and points say less than masks, and never something else."""

import numpy as np
import pytest
import torch

from mmeo.errors import ConfigError, DataError
from mmeo.models.in_context.prompt_kinds import (
    boxes_to_mask,
    disk_radius,
    draw_points,
    mask_to_boxes,
    points_to_mask,
    render_prompt,
)


@pytest.fixture
def mask() -> torch.Tensor:
    """An L and, touching it at no corner, a bar."""
    mask = torch.zeros(20, 30, dtype=torch.bool)
    mask[2:9, 3:5] = True
    mask[7:9, 3:12] = True
    mask[14:16, 20:28] = True
    return mask


def test_a_box_around_each_part(mask: torch.Tensor) -> None:
    boxes = mask_to_boxes(mask)
    assert sorted(boxes.tolist()) == [[3, 2, 12, 9], [20, 14, 28, 16]]
    filled = boxes_to_mask(boxes, mask.shape)
    assert filled[mask].all()
    assert filled.sum() == 9 * 7 + 8 * 2


def test_a_box_around_a_class(mask: torch.Tensor) -> None:
    assert mask_to_boxes(mask, 'class').tolist() == [[3, 2, 28, 16]]
    assert mask_to_boxes(torch.zeros(4, 4, dtype=torch.bool),
                         'class').shape == (0, 4)


def test_pixels_that_touch_at_a_corner_are_one_part() -> None:
    assert mask_to_boxes(torch.eye(4, dtype=torch.bool)).tolist() == [
        [0, 0, 4, 4]]


def test_boxes_are_cut_at_the_border_and_refused_beyond() -> None:
    mask = boxes_to_mask([[-5, 1.5, 2.2, 2]], (4, 4))
    assert mask.nonzero().tolist() == [[1, 0], [1, 1], [1, 2]]
    for box in ([5, 0, 9, 3], [2, 2, 2, 3], [3, 1, 1, 3]):
        with pytest.raises(DataError, match='holds no pixel'):
            boxes_to_mask([box], (4, 4))


def test_disks_equal_their_definition() -> None:
    mask = points_to_mask([[4, 2], [9.7, 9]], (12, 13), radius=2.5)
    for y, x in np.ndindex(12, 13):
        near = any((x - px)**2 + (y - py)**2 <= 2.5**2
                   for px, py in ((4, 2), (9, 9)))
        assert mask[y, x] == near
    assert points_to_mask([[3, 3]], (8, 8), radius=0.1).sum() == 1
    for point in ([13, 0], [0, 12], [-1, 3]):
        with pytest.raises(DataError, match='outside'):
            points_to_mask([point], (12, 13))


def test_points_are_different_pixels_of_the_mask(mask: torch.Tensor) -> None:
    points = draw_points(mask, 5, np.random.default_rng(0))
    assert len(set(map(tuple, points.tolist()))) == 5
    assert all(mask[y, x] for x, y in points.tolist())
    again = draw_points(mask, 5, np.random.default_rng(0))
    assert (points == again).all()
    few = torch.zeros(4, 4, dtype=torch.bool)
    few[1, 2] = True
    assert draw_points(few, 5, np.random.default_rng(0)).tolist() == [[2, 1]]


def test_every_pixel_is_drawn_at_times(mask: torch.Tensor) -> None:
    rng = np.random.default_rng(0)
    drawn = torch.zeros(mask.shape)
    for _ in range(600):
        x, y = draw_points(mask, 5, rng).T
        drawn[y, x] += 1
    assert (drawn[mask] > 0).all() and (drawn[~mask] == 0).all()
    expected = 600 * 5 / mask.sum()
    assert (drawn[mask] - expected).abs().max() < 5 * expected**.5


def test_the_radius_follows_the_image() -> None:
    assert disk_radius((512, 512)) == 8
    assert disk_radius((128, 256)) == 4
    assert disk_radius((16, 16)) == 1


@pytest.mark.parametrize('kind', ['mask', 'box', 'point'])
def test_empty_masks_stay_empty(kind: str, mask: torch.Tensor) -> None:
    masks = torch.stack([torch.zeros_like(mask), mask])
    shown = render_prompt(masks, kind, np.random.default_rng(0))
    assert not shown[0].any() and shown[1].any()
    assert shown.dtype == torch.bool
    if kind == 'mask':
        assert (shown == masks).all()
    if kind == 'box':
        assert shown[1][mask].all() and shown[1].sum() > mask.sum()
    if kind == 'point':
        assert shown[1].sum() <= 5 * 5  # radius 1: a cross each


def test_unknown_kinds_are_refused(mask: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match="'scribble'"):
        render_prompt(mask[None], 'scribble', np.random.default_rng(0))
    with pytest.raises(ConfigError, match="'blob'"):
        mask_to_boxes(mask, 'blob')
