# Copyright (c) mmeo contributors. All rights reserved.
"""Cut and join is exact; borders of tiles do not count; colours are known."""

import numpy as np
import pytest
from PIL import Image

from mmeo.datasets.converters.colours import colours_to_ids, ids_to_colours
from mmeo.datasets.converters.tiles import (
    Tile,
    iter_tiles,
    merge_tiles,
    parse_name,
    tile_starts,
)
from mmeo.errors import ConfigError, DataError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize('length, size, overlap', [
    (1, 896, 384), (896, 896, 384), (897, 896, 384), (4000, 896, 384),
    (1408, 896, 384), (15354, 256, 0), (100, 7, 6), (101, 10, 0)])
def test_starts_cover_the_side(length, size, overlap):
    starts = tile_starts(length, size, overlap)
    assert starts[0] == 0 and starts == sorted(set(starts))
    ends = [min(s + size, length) for s in starts]
    assert ends[-1] == length and max(ends) == length
    for end, start in zip(ends, starts[1:]):
        assert end - start >= overlap
    # No tile is superfluous: without the last one a part would be missing.
    assert len(starts) == 1 or ends[-2] < length


def test_starts_of_mmseg():
    # the starts of mmseg's converter: a range whose last tiles are shifted
    for length in (896, 900, 1409, 2000, 5557):
        naive = sorted({min(s, max(length - 896, 0))
                        for s in range(0, length, 512)})
        assert tile_starts(length, 896, 384) == naive
    with pytest.raises(ConfigError, match='overlap < size'):
        tile_starts(10, 4, 4)


@pytest.mark.parametrize('shape, size, overlap', [
    ((37, 53), 16, 6), ((37, 53), 16, 0), ((10, 70), 16, 15), ((5, 9), 16, 3),
    ((64, 64), 16, 8)])
def test_round_trip_is_exact(tmp_path, shape, size, overlap):
    label = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    Image.fromarray(label).save(tmp_path / 'a.png')
    tiles = list(iter_tiles(tmp_path / 'a.png', size, overlap))
    for tile, pixels in tiles:
        np.testing.assert_array_equal(
            pixels, label[tile.row:tile.row + tile.height,
                          tile.col:tile.col + tile.width])
        assert parse_name(tile.name('P_1')) == ('P_1', tile)
    merged = merge_tiles((t, p[..., 0]) for t, p in reversed(tiles))
    np.testing.assert_array_equal(merged, label[..., 0])


def test_every_row_is_read_once(tmp_path, monkeypatch):
    import rasterio.io
    Image.fromarray(np.zeros((50, 20), np.uint8)).save(tmp_path / 'a.png')
    rows, read = [], rasterio.io.DatasetReader.read

    def count(self, *args, window=None, **kwargs):
        rows.extend(range(window.row_off, window.row_off + window.height))
        return read(self, *args, window=window, **kwargs)

    monkeypatch.setattr('mmeo.geo.raster.DatasetReader', type(
        'Reader', (rasterio.io.DatasetReader, ), dict(read=count)))
    assert len(list(iter_tiles(tmp_path / 'a.png', 16, 8))) == 12
    assert rows == list(range(50))


def test_tile_borders_do_not_count():
    truth = RNG.integers(1, 9, (40, 40), dtype=np.uint8)
    tiles = []
    for row in tile_starts(40, 16, 8):
        for col in tile_starts(40, 16, 8):
            pixels = truth[row:row + 16, col:col + 16].copy()
            for side, at_edge in enumerate(
                    (row == 0, row == 24, col == 0, col == 24)):
                if not at_edge:  # wrong near borders inside the image
                    np.rot90(pixels, (0, 2, 3, 1)[side])[:4] = 0
            tiles.append((Tile(row, col, 16, 16), pixels))
    np.testing.assert_array_equal(merge_tiles(tiles), truth)


def test_missing_tiles_are_named():
    tiles = [(Tile(r, c, 4, 4), np.zeros((4, 4), np.uint8))
             for r in (0, 4) for c in (0, 4)]
    assert merge_tiles(tiles).shape == (8, 8)
    with pytest.raises(DataError, match='missing or doubled'):
        merge_tiles(tiles[:-1])
    with pytest.raises(DataError, match='row and column 0'):
        merge_tiles(tiles[2:])
    with pytest.raises(DataError, match='0 x 4|4 x 3'):
        merge_tiles([(Tile(0, 0, 4, 4), np.zeros((4, 3), np.uint8))])
    with pytest.raises(DataError, match='STEM_y0_y1_x0_x1'):
        parse_name('P0001')


def test_colours():
    palette = [[0, 0, 0], [0, 0, 63], [0, 63, 0], [255, 255, 255]]
    ids = RNG.integers(0, 4, (5, 6)).astype(np.uint8)
    colours = ids_to_colours(ids, palette)
    np.testing.assert_array_equal(colours_to_ids(colours, palette, 'f'), ids)
    colours[3, 2] = (0, 0, 64)
    with pytest.raises(DataError) as error:
        colours_to_ids(colours, palette, 'x/P1.png', (100, 50))
    for word in ('x/P1.png', '[0, 0, 64]', 'row 103', 'column 52', '1 pixels'):
        assert word in str(error.value)
    with pytest.raises(DataError, match='no RGB'):
        colours_to_ids(ids, palette, 'f')
    with pytest.raises(DataError, match='class id 4'):
        ids_to_colours(ids + 1, palette)
