# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures of prompts."""

import numpy as np
import pytest

from mmeo.visualization.prompt_picture import (
    default_palette,
    draw_prompt,
    prompt_picture,
    sensor_rgb,
)

RED, BLUE = (230, 60, 60), (65, 120, 255)
GREY = np.full((100, 150, 3), 128, np.uint8)


def colours(picture):
    return {tuple(c) for c in picture.reshape(-1, 3).tolist()}


@pytest.mark.parametrize('count', [1, 10, 11, 200])
def test_palette_has_a_colour_for_each(count):
    palette = default_palette(count)
    assert len(palette) == len(set(palette)) == count
    assert default_palette(5) == palette[:5] or count < 5


def test_outline_lies_around_the_mask():
    masks = np.zeros((2, 100, 150), bool)
    masks[0, 20:40, 30:60] = masks[1, 60:80, 90:140] = True
    out = draw_prompt(GREY, masks, [RED, BLUE], {1: [(110, 70)]})
    assert tuple(out[20, 45]) == RED and tuple(out[60, 100]) == BLUE
    assert tuple(out[70, 110]) == BLUE  # the cross
    assert out[30, 45, 0] > 128 > out[30, 45, 1]  # filled, transparent
    np.testing.assert_array_equal(out[:15], GREY[:15])
    assert (GREY == 128).all()


def test_panels_and_legend():
    prediction = np.zeros((50, 80), np.uint8)
    prediction[:25] = 2
    masks = np.zeros((2, 100, 150), bool)
    masks[0, 20:40, 30:60] = True
    ask = dict(target=np.zeros((50, 80, 3), np.uint8), prediction=prediction,
               classes=['road', 'water'], palette=[RED, BLUE])
    picture = prompt_picture(GREY, masks, **ask)
    # Three panels of one height, whatever the sizes of the images.
    width = round(150 * 384 / 100) + 2 * round(80 * 384 / 50) + 8
    assert picture.shape[1] == width and picture.shape[0] > 384
    upper, lower = picture[30:200, -300:], picture[240:400, -300:]
    assert colours(upper) == {tuple(int(0.55 * c) for c in BLUE)}
    assert colours(lower) == {(0, 0, 0)}
    assert {RED, BLUE} <= colours(picture[-22:])
    names_alone = prompt_picture(None, None, **ask)
    assert names_alone.shape[1] == 2 * round(80 * 384 / 50) + 4
    two = prompt_picture([GREY, GREY], [masks, masks], **ask,
                         points=[{}, {0: [(9, 9)]}])
    assert two.shape[1] > picture.shape[1]


def test_radar_is_shown_by_both_bands_and_their_ratio():
    rng = np.random.default_rng(0)
    db = rng.normal((-12, -20), 2, (30, 40, 2)).astype(np.float32)
    db[:, 20:] += (0, 8)  # volume scattering: more VH
    missing = np.zeros((30, 40), bool)
    missing[:5], db[:5] = True, np.nan
    rgb = sensor_rgb(db, missing)
    assert rgb.dtype == np.uint8 and (rgb[:5] == 0).all()
    left, right = rgb[5:, :20].mean((0, 1)), rgb[5:, 20:].mean((0, 1))
    assert abs(left[0] - right[0]) < 25
    assert right[1] > left[1] + 80 and right[2] < left[2] - 80


def test_colours_stay_and_no_data_is_black():
    image = np.random.default_rng(0).integers(
        1, 255, (9, 9, 3), dtype=np.uint8)
    missing = np.zeros((9, 9), bool)
    missing[0] = True
    rgb = sensor_rgb(image, missing)
    np.testing.assert_array_equal(rgb[1:], image[1:])
    assert not rgb[0].any() and image[0].all()
    assert not sensor_rgb(image[..., :2] * 1.0, np.ones((9, 9), bool)).any()
