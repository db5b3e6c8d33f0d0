# Copyright (c) mmeo contributors. All rights reserved.
"""Paint on a picture means classes on an image."""

import cv2
import numpy as np
import pytest

from mmeo.demo.drawing import (
    COLOURS,
    SIDE,
    draw_paint,
    enlarge,
    fit_paint,
    off_canvas,
    on_canvas,
    paint_boxes,
    paint_points,
    picture_size,
    read_paint,
)


def stroke(layer: np.ndarray, number: int, start: tuple[int, int],
           end: tuple[int, int], width: float = 15) -> None:
    """A line with a smooth edge, blended as a browser does it."""
    pixels = np.stack(np.mgrid[:layer.shape[0], :layer.shape[1]][::-1], -1)
    line = np.subtract(end, start)
    along = ((pixels - start) @ line / (line @ line)).clip(0, 1)[..., None]
    distance = np.linalg.norm(pixels - start - along * line, axis=-1)
    alpha = (width / 2 - distance + .5).clip(0, 1)[..., None]
    below = layer[..., 3:] / 255 * (1 - alpha)
    mixed = np.array(COLOURS[number - 1]) * alpha + layer[..., :3] * below
    layer[..., :3] = mixed / np.maximum(alpha + below, 1e-6)
    layer[..., 3:] = np.round((alpha + below) * 255)


@pytest.fixture
def layer() -> np.ndarray:
    return np.zeros((120, 200, 4), np.uint8)


def test_each_colour_is_read_as_it_was_drawn() -> None:
    labels = np.arange(len(COLOURS) + 1, dtype=np.uint8).repeat(7)[None]
    labels = labels.repeat(5, axis=0)
    assert np.array_equal(read_paint([draw_paint(labels)]), labels)


def test_colours_are_told_apart() -> None:
    colours = np.array(COLOURS, int)
    distance = np.abs(colours[:, None] - colours).max(-1)
    assert distance[~np.eye(len(colours), dtype=bool)].min() > 40


def test_smooth_edge_is_cut_in_its_middle(layer: np.ndarray) -> None:
    stroke(layer, 2, (20, 60), (180, 60), width=15.4)
    assert set(layer[:, 100, 3]) == {0, 51, 255}
    paint = read_paint([layer])
    assert set(np.unique(paint)) == {0, 2}
    rows = np.flatnonzero(paint[:, 100])
    assert rows.tolist() == list(range(53, 68))


@pytest.mark.parametrize('first, second', [(1, 2), (3, 4), (5, 1), (6, 2)])
def test_mixed_colours_make_no_third_class(layer: np.ndarray, first: int,
                                           second: int) -> None:
    for x in range(10, 200, 20):
        stroke(layer, first, (x, 10), (x + 9, 110), 9)
    stroke(layer, second, (10, 40), (190, 80), 21)
    assert set(np.unique(read_paint([layer]))) == {0, first, second}


def test_later_layer_lies_above(layer: np.ndarray) -> None:
    above = layer.copy()
    stroke(layer, 1, (20, 60), (180, 60), 31)
    stroke(above, 4, (100, 20), (100, 100), 31)
    paint = read_paint([layer, above])
    assert paint[60, 100] == 4 and paint[60, 40] == 1


def test_nothing_painted(layer: np.ndarray) -> None:
    layer[..., :3] = COLOURS[0]  # erased: the colour stays, opacity is gone
    assert not read_paint([layer]).any()


@pytest.mark.parametrize('size', [(128, 128), (100, 60), (1, 300),
                                  (SIDE, SIDE), (900, 2000), (3000, 700)])
def test_there_and_back_again(size: tuple[int, int]) -> None:
    height, width = picture_size(size)
    assert max(height, width) <= SIDE < 2 * max(height, width)
    rng = np.random.default_rng(0)
    paint = np.zeros(size, np.uint8)
    for number in range(1, 5):
        y, x = (rng.integers(0, side) for side in size)
        paint[y:y + size[0] // 3 + 1, x:x + size[1] // 3 + 1] = number
    canvas = on_canvas(enlarge(paint))
    assert canvas.shape == (SIDE, SIDE)
    back = fit_paint(off_canvas(canvas, size), size)
    assert back.shape == size
    if max(size) <= SIDE:
        assert np.array_equal(back, paint)
    else:
        assert (back == paint).mean() > .98


def test_margin_is_grey_and_unpainted() -> None:
    canvas = on_canvas(enlarge(np.zeros((50, 100, 3), np.uint8)))
    assert canvas.shape == (SIDE, SIDE, 3)
    assert canvas[0, 0].min() == canvas[0, 0].max() > 150
    assert not canvas[SIDE // 2].any(axis=-1)[100:-100].any()


def test_a_dot_on_a_small_image_is_not_lost() -> None:
    paint = np.zeros((700, 700), np.uint8)
    paint[305:330, 305:330] = 2  # a quarter of a pixel
    fitted = fit_paint(paint, (14, 14))
    assert np.argwhere(fitted).tolist() == [[6, 6]] and fitted[6, 6] == 2


def test_boxes_and_points_of_patches() -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:15, 10:21] = True
    mask[30:40, 50:60] = True
    assert paint_boxes(mask) == [(10, 5, 21, 15), (50, 30, 60, 40)]
    (x, y), (u, v) = paint_points(mask)
    assert abs(x - 15) <= 1 and abs(y - 9.5) <= 1
    assert abs(u - 54.5) <= 1 and abs(v - 34.5) <= 1
    assert paint_boxes(~mask & mask) == paint_points(~mask & mask) == []


def test_points_lie_on_the_paint() -> None:
    ring = np.zeros((60, 60), np.uint8)
    cv2.circle(ring, (30, 30), 20, 1, 5)
    (x, y), = paint_points(ring.astype(bool))
    assert ring[y, x]
