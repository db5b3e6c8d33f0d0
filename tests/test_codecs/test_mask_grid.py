# Copyright (c) mmeo contributors. All rights reserved.
import numpy as np
import pytest
from PIL import Image

from mmeo.codecs import (
    cell_logprobs,
    decode_mask,
    encode_mask,
    from_grid,
    to_grid,
)
from mmeo.errors import DataError


def test_same_pixels_as_pillow():
    rng = np.random.default_rng(0)
    sides = [1, 2, 3, 5, 16, 23, 24, 25, 47, 48, 72, 100, 256, 512, 513, 600]
    for height, width in rng.choice(sides, (60, 2)):
        label = rng.integers(0, 256, (height, width)).astype(np.uint8)
        for grid in (1, 7, 16, 24, 32, 64):
            expected = Image.fromarray(label).resize((grid, grid),
                                                     Image.NEAREST)
            assert (to_grid(label, grid) == np.asarray(expected)).all()


def test_back_as_pillow():
    rng = np.random.default_rng(1)
    mask = rng.integers(0, 9, (24, 24)).astype(np.uint8)
    for height, width in ((512, 512), (100, 333), (24, 24), (10, 25)):
        expected = Image.fromarray(mask).resize((width, height),
                                                Image.NEAREST)
        back = from_grid(mask, (height, width))
        assert (back == np.asarray(expected)).all()
        assert back.dtype == mask.dtype
    assert (to_grid(from_grid(mask, (500, 700)), 24) == mask).all()
    assert from_grid(np.full((2, 2), -1.5), (3, 3)).tolist() == [[-1.5] * 3
                                                                 ] * 3


def test_refuses():
    for bad in (np.zeros((3, 4, 4)), np.zeros(4), np.zeros((0, 4))):
        with pytest.raises(DataError, match='shape'):
            to_grid(bad)
    with pytest.raises(DataError, match='0 x 4'):
        from_grid(np.zeros((2, 2)), (0, 4))


def test_scores_of_cells():
    pieces = ['others', '*', '1', ', ', 'ro', 'ad', '*1', '\n', 'road*2']
    values = [-1.0, -2.0, -3.0, -50.0, -4.0, -6.0, -2.0, -60.0, -7.0]
    assert cell_logprobs(pieces, values, 2).tolist() == [[-2.0, -4.0],
                                                         [-7.0, -7.0]]


def test_scores_of_flawed_text():
    """Filled with the last label: its score; nothing said: minus infinity."""
    pieces = ['a*1', ',', 'b*1', '\n', 'a*9', '\n', 'what', '\n', 'b*1']
    values = [-1.0, -9.0, -2.0, -9.0, -3.0, -9.0, -9.0, -9.0, -4.0]
    out = cell_logprobs(pieces, values, 5)
    assert out[0].tolist() == [-1.0] + [-2.0] * 4
    assert (out[1] == -3.0).all() and (out[3] == -4.0).all()
    assert np.isneginf(out[[2, 4]]).all()
    assert np.isneginf(cell_logprobs([], [], 3)).all()
    with pytest.raises(DataError, match='2 pieces'):
        cell_logprobs(['a', 'b'], [0.0])


def test_scores_follow_the_mask():
    """Cells of one label share a score if the score depends on the label."""
    rng = np.random.default_rng(2)
    mask = rng.integers(0, 3, (6, 6))
    names = ['others', 'road', 'water']
    text = encode_mask(mask, names, 'text4seg')
    pieces = [char for char in text]
    score = np.zeros(len(pieces))
    for i, name in enumerate(names):
        at = text.find(name)
        while at >= 0:
            score[at:at + len(name) + 3] = -1.0 - i  # label, star and count
            at = text.find(name, at + 1)
    out = cell_logprobs(pieces, score, 6)
    assert (decode_mask(text, names, 6).mask == mask).all()
    np.testing.assert_allclose(out, -1.0 - mask)
