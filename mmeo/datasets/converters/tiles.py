# Copyright (c) mmeo contributors. All rights reserved.
"""Cut large pictures into overlapping tiles, strip by strip, and join them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np
from rasterio.windows import Window

from mmeo.errors import ConfigError, DataError
from mmeo.geo import open_raster

_NAME = re.compile(r'(.+)_(\d+)_(\d+)_(\d+)_(\d+)')


class Tile(NamedTuple):
    """A window, in pixels; row and column of its first pixel."""

    row: int
    col: int
    height: int
    width: int

    def name(self, stem: str) -> str:
        """``STEM_y0_y1_x0_x1``, as mmseg's iSAID converter has it."""
        return (f'{stem}_{self.row}_{self.row + self.height}_{self.col}_'
                f'{self.col + self.width}')


def parse_name(name: str) -> tuple[str, Tile]:
    """Invert :meth:`Tile.name`.

    Raises:
        DataError: If the name has another form.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise DataError(f'{name}: the name of a tile is STEM_y0_y1_x0_x1, in '
                        'pixels. Merge what a model predicted on tiles of '
                        'the converter.')
    top, bottom, left, right = map(int, match.groups()[1:])
    return match[1], Tile(top, left, bottom - top, right - left)


def tile_starts(length: int, size: int, overlap: int) -> list[int]:
    """Where tiles begin along one side; the last one ends at the border.

    Args:
        length: Pixels of the side.
        size: Pixels of a tile. A shorter side is one tile of its own length.
        overlap: Pixels that neighbours share at least.

    Raises:
        ConfigError: If tiles would not advance.
    """
    if size < 1 or not 0 <= overlap < size:
        raise ConfigError(f'tiles of {size} px cannot overlap by {overlap}: '
                          'give 0 <= overlap < size.')
    if length <= size:
        return [0]
    starts = list(range(0, length - size, size - overlap))
    return [*starts, length - size]


def iter_tiles(path: Union[str, Path], size: int, overlap: int = 0
               ) -> Iterator[tuple[Tile, np.ndarray]]:
    """Cut a picture or raster, row of tiles by row of tiles.

    Args:
        path: PNG, JPEG, TIFF, ...
        size: Side of a tile in pixels.
        overlap: Pixels that neighbours share. Defaults to 0.

    Yields:
        The tile and its pixels, ``(h, w, bands)``.
    """
    for tile, (pixels, ) in iter_aligned_tiles([path], size, overlap):
        yield tile, pixels


def iter_aligned_tiles(paths: Sequence[Union[str, Path]], size: int,
                       overlap: int = 0
                       ) -> Iterator[tuple[Tile, list[np.ndarray]]]:
    """Cut files of one size together, e.g. two dates and a mask.

    No more than one row of tiles is in memory, and every pixel row is read
    once, which a PNG allows and a second pass over it would not do cheaply.

    Args:
        paths: Pictures or rasters.
        size: Side of a tile in pixels.
        overlap: Pixels that neighbours share. Defaults to 0.

    Yields:
        The tile and the pixels of each file, ``(h, w, bands)``.

    Raises:
        DataError: If the files differ in size.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(open_raster(path)) for path in paths]
        shapes = {str(path): src.shape for path, src in zip(paths, files)}
        if len(set(shapes.values())) != 1:
            raise DataError('files that belong together differ in size '
                            f'(height, width): {shapes}. Bring them to one '
                            'grid first.')
        height, width = files[0].shape
        cols = tile_starts(width, size, overlap)
        strips = [np.empty((0, width, src.count), src.dtypes[0])
                  for src in files]
        top = 0
        for row in tile_starts(height, size, overlap):
            done, bottom = top + len(strips[0]), min(row + size, height)
            window = Window(0, done, width, bottom - done)
            strips = [
                np.concatenate((strip[row - top:],
                                src.read(window=window).transpose(1, 2, 0)))
                for strip, src in zip(strips, files)]
            top = row
            for col in cols:
                parts = [strip[:, col:col + size] for strip in strips]
                yield Tile(row, col, *parts[0].shape[:2]), parts


def merge_tiles(tiles: Iterable[tuple[Tile, np.ndarray]]) -> np.ndarray:
    """Join label tiles; where they overlap, each counts up to the middle.

    A model sees least around a pixel at the border of its tile, so that the
    tile whose border is farther away decides.

    Args:
        tiles: Tiles on a grid and their labels ``(h, w)``. They must cover
            the image, whose size is where the last ones end.

    Returns:
        ``(H, W)`` of the tiles' dtype.

    Raises:
        DataError: If tile and pixels differ in size or the tiles leave a gap.
    """
    tiles = list(tiles)
    for tile, pixels in tiles:
        if pixels.shape != (tile.height, tile.width):
            raise DataError(f'tile {tuple(tile)} (row, column, height, width) '
                            f'has {pixels.shape[0]} x {pixels.shape[1]} '
                            'pixels.')
    rows = _shares({(t.row, t.row + t.height) for t, _ in tiles})
    cols = _shares({(t.col, t.col + t.width) for t, _ in tiles})
    height, width = (max(end for _, end in shares.values())
                     for shares in (rows, cols))
    merged = np.zeros((height, width), tiles[0][1].dtype)
    covered = 0
    for tile, pixels in tiles:
        top, bottom = rows[tile.row]
        left, right = cols[tile.col]
        merged[top:bottom, left:right] = pixels[
            top - tile.row:bottom - tile.row, left - tile.col:right - tile.col]
        covered += (bottom - top) * (right - left)
    if covered != height * width:
        raise DataError(f'{len(tiles)} tiles cover {covered} of {height} x '
                        f'{width} pixels: some are missing or doubled.')
    return merged


def _shares(spans: set[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Start of each span to the part of the axis that is its own."""
    ordered = sorted(spans)
    if ordered[0][0] != 0:
        raise DataError('no tile starts at row and column 0: the first tiles '
                        'are missing.')
    cuts = [0]
    for (_, end), (start, _) in zip(ordered, ordered[1:]):
        if start > end:
            raise DataError(f'no tile covers the pixels {end} to {start} of a '
                            'side: tiles are missing.')
        cuts.append((start + end + 1) // 2)
    cuts.append(ordered[-1][1])
    return {start: (a, b)
            for (start, _), a, b in zip(ordered, cuts, cuts[1:])}
