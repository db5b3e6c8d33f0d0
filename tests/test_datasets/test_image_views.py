# Copyright (c) mmeo contributors. All rights reserved.
"""Views of LLaVA-OneVision: published token counts, and where pixels go."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmeo.datasets.transforms.image_views import ImageViews, choose_canvas
from mmeo.errors import ConfigError, DataError
from mmeo.models.vlm.merge_views import merge_views
from mmeo.structures import ImageLayout


def views_of(transform: ImageViews, *sizes: tuple[int, int]) -> dict:
    rng = np.random.default_rng(0)
    return transform(dict(images=[
        Image.fromarray(rng.integers(0, 256, (h, w, 3), np.uint8))
        for h, w in sizes]))


@pytest.mark.parametrize('width, height, side, tokens', [
    (200, 200, 384, 1485), (384, 384, 384, 1485), (400, 400, 768, 3699),
    (512, 512, 768, 3699), (600, 600, 768, 3699), (800, 800, 1152, 7371),
    (1024, 1024, 1152, 7371), (4000, 3000, (2304, 1920), 7309)])
def test_any_resolution_has_the_token_counts_of_the_release(
        width: int, height: int, side, tokens: int) -> None:
    rows, cols = choose_canvas((height, width), 384)
    wanted = side if isinstance(side, tuple) else (side, side)
    assert (cols * 384, rows * 384) == wanted
    assert ImageLayout((height, width), (rows, cols)).num_tokens == tokens


def test_one_view_resizes_and_pad_keeps_the_shape() -> None:
    image = Image.new('RGB', (200, 100), (255, 0, 0))
    single = ImageViews('single')(dict(images=[image]))
    assert single['tiles'].shape == (1, 3, 384, 384)
    assert (single['tiles'][0, 0] == 255).all()
    pad = ImageViews('pad')(dict(images=[image]))
    column = pad['tiles'][0, :, :, 192]
    assert (column[:, 0] == 127).all() and (column[:, -1] == 127).all()
    assert tuple(column[:, 192]) == (255, 0, 0)
    assert pad['image_layouts'][0].num_tokens == 729
    assert ImageViews(newline=True).layouts([(5, 5)])[0].num_tokens == 730


def test_pairs_are_shown_as_in_training() -> None:
    both = views_of(ImageViews('anyres'), (500, 500), (500, 500))
    assert both['num_tiles'] == [1, 1] and len(both['tiles']) == 2
    alone = views_of(ImageViews('anyres'), (500, 500))
    assert alone['num_tiles'] == [5] and len(alone['tiles']) == 5
    kept = views_of(ImageViews('anyres', pair_mode='anyres'),
                    (500, 500), (300, 300))
    assert kept['num_tiles'] == [5, 2]


def test_views_are_cut_row_by_row() -> None:
    picture = np.zeros((56, 84, 3), np.uint8)
    picture[:28, :28], picture[28:, 56:] = 50, 200
    out = ImageViews('anyres', image_size=28, patch_size=14)(
        dict(images=[Image.fromarray(picture)]))
    assert out['image_layouts'][0].views == (2, 3)
    means = out['tiles'].mean((1, 2, 3))[1:]
    assert means[0] == 50 and means[5] == 200 and means[1:5].max() == 0


def test_merged_rows_lie_as_on_the_canvas() -> None:
    layout = ImageLayout((28, 28), (2, 2), grid=2, newline=True)
    views = torch.arange(5 * 4.).view(5, 4, 1)
    newline = torch.tensor([-1.])
    rows = merge_views(views, [layout], newline)[:, 0].tolist()
    assert rows[:4] == [0, 1, 2, 3]  # the whole image first
    assert rows[4:] == [4, 5, 8, 9, -1, 6, 7, 10, 11, -1,
                        12, 13, 16, 17, -1, 14, 15, 18, 19, -1]
    single = ImageLayout((9, 9), grid=2, newline=True)
    two = merge_views(views[:2], [single, single], newline)[:, 0].tolist()
    assert two == [0, 1, 2, 3, -1, 4, 5, 6, 7, -1]


def test_padding_of_the_canvas_is_cut_off() -> None:
    # Twice as wide as high on a square canvas: half of it shows the image.
    layout = ImageLayout((10, 20), (2, 2), grid=4, newline=False)
    assert layout.crop() == (2, 6, 0, 8)
    assert layout.num_tokens == 16 + 4 * 8
    tokens = torch.randn(5, 16, 3)
    assert len(merge_views(tokens, [layout], None)) == layout.num_tokens


def test_large_canvases_shrink_to_the_limit() -> None:
    layout = ImageLayout((1000, 1000), (6, 6), grid=27)
    assert layout.canvas() == (81, 81)  # nine views of 27 x 27
    tokens = torch.randn(37, 729, 2)
    merged = merge_views(tokens, [layout], torch.zeros(2))
    assert len(merged) == layout.num_tokens == 729 + 81 * 82


@pytest.mark.parametrize('seed', range(20))
def test_counted_tokens_are_merged_tokens(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(int(n) for n in rng.integers(5, 4000, 2))
    layout = ImageLayout(size, choose_canvas(size, 384), grid=3,
                         newline=bool(seed % 2))
    tokens = torch.zeros(layout.num_views, 9, 1)
    assert len(merge_views(tokens, [layout], torch.zeros(1))) == \
        layout.num_tokens


def test_disagreements_are_named() -> None:
    with pytest.raises(ConfigError, match="mode 'tiles' is none of"):
        ImageViews('tiles')
    layout = ImageLayout((9, 9), grid=2, newline=True)
    with pytest.raises(DataError, match='2 views for images that have'):
        merge_views(torch.zeros(2, 4, 1), [layout], torch.zeros(1))
    with pytest.raises(DataError, match='a view has 9 tokens'):
        merge_views(torch.zeros(1, 9, 1), [layout], torch.zeros(1))
    with pytest.raises(DataError, match='image_newline=True'):
        merge_views(torch.zeros(1, 4, 1), [layout], None)
