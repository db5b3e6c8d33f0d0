# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch

from mmeo.errors import ConfigError
from mmeo.models.vlm import MLPProjector, PixelShuffleProjector, pixel_shuffle


@pytest.mark.parametrize('grid', [(4, 4), (2, 6)])
def test_pixel_shuffle_order(grid):
    h, w = grid
    x = torch.randn(2, h * w, 3)
    out = pixel_shuffle(x, grid)
    grid_map = x.view(2, h, w, 3)
    for row in range(h // 2):
        for col in range(w // 2):
            block = grid_map[:, 2 * row:2 * row + 2, 2 * col:2 * col + 2]
            token = out[:, row * (w // 2) + col]
            assert torch.equal(token, block.reshape(2, 12))


def test_pixel_shuffle_equals_transformers():
    from transformers.models.internvl.modeling_internvl import InternVLModel
    x = torch.randn(2, 6, 6, 5)
    theirs = InternVLModel.pixel_shuffle(None, x, 0.5).reshape(2, 9, 20)
    assert torch.equal(pixel_shuffle(x.reshape(2, 36, 5), (6, 6)), theirs)


def test_projectors():
    assert PixelShuffleProjector(4, 6)(torch.randn(2, 16, 4),
                                       (4, 4)).shape == (2, 4, 6)
    assert MLPProjector(4, 6)(torch.randn(2, 16, 4), (4, 4)).shape == (2, 16,
                                                                       6)
    with pytest.raises(ConfigError, match='3 x 4'):
        PixelShuffleProjector(4, 6)(torch.randn(1, 12, 4), (3, 4))
