# Copyright (c) mmeo contributors. All rights reserved.
"""Label rasters as small grids, tile by tile, each read once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from mmeo.codecs import IGNORE_LABEL, to_grid
from mmeo.datasets.converters.colours import write_png
from mmeo.datasets.converters.tiles import Tile, iter_tiles
from mmeo.datasets.instruct_converters.files import image_size
from mmeo.datasets.instruct_converters.items import Dropped, Unusable
from mmeo.datasets.instruct_converters.legend import IGNORED, Legend
from mmeo.datasets.instruct_converters.masks_layout import LabelledImage
from mmeo.errors import DataError
from mmeo.geo import open_raster

_NEVER = 2**31  # a tile larger than any label


@dataclass(frozen=True)
class TileGrid:
    """The label of a tile.

    Attributes:
        source (LabelledImage): Image and label.
        tile (Tile, optional): None where the tile is the whole image.
        grid (np.ndarray): ``(g, g)`` uint8 class indices, 255 ignored.
        cells (np.ndarray): ``(K, )`` cells of each class.
        pixels (np.ndarray): ``(K, )`` pixels of each class.
    """

    source: LabelledImage
    tile: Optional[Tile]
    grid: np.ndarray
    cells: np.ndarray
    pixels: np.ndarray

    @property
    def key(self) -> str:
        """Unique in the set."""
        return self.tile.name(self.source.key) if self.tile else \
            self.source.key


class GridReader:
    """Reads labels in windows.

    Args:
        legend (Legend): What their values mean.
        grid (int): Cells of a side.
        tile (int): Side of a tile in pixels; 0 takes images whole.
        overlap (int): Pixels that tiles share.
        max_ignored (float): Tiles with a larger share of ignored pixels are
            dropped.
        id_maps (Path, optional): Folder for maps of class indices, for
            labels that metrics cannot read (colours, several values of a
            class). By default none are written.
    """

    def __init__(self, legend: Legend, grid: int, tile: int = 0,
                 overlap: int = 0, max_ignored: float = 0.5,
                 id_maps: Optional[Path] = None) -> None:
        self.legend = legend
        self.grid = grid
        self.tile = tile
        self.overlap = overlap
        self.max_ignored = max_ignored
        self.id_maps = id_maps

    def read(self, source: LabelledImage) -> Iterator[TileGrid | Dropped]:
        """Grids of an image, or why there are none."""
        where = str(source.label)
        try:
            shape = image_size(source.image)
            with open_raster(source.label) as src:
                if src.shape != shape:
                    raise Unusable('label and image differ in size')
            whole = not self.tile or max(shape) <= self.tile
            size, overlap = (_NEVER, 0) if whole else (self.tile,
                                                       self.overlap)
            yield from self._tiles(source, shape, size, overlap, whole)
        except Unusable as error:
            yield error.drop(where)
        except DataError:
            yield Dropped('label cannot be read', where)

    def _tiles(self, source: LabelledImage, shape: tuple[int, int], size: int,
               overlap: int, whole: bool) -> Iterator[TileGrid | Dropped]:
        ids = np.full(shape, IGNORE_LABEL, np.uint8) if self.id_maps else None
        for tile, values in iter_tiles(source.label, size, overlap):
            try:
                index = self.legend.indices(values)
            except Unusable as error:
                yield error.drop(f'{source.label}, row {tile.row}, column '
                                 f'{tile.col}')
                continue
            index = np.where(index == IGNORED, IGNORE_LABEL,
                             index).astype(np.uint8)
            if ids is not None:
                ids[tile.row:tile.row + tile.height,
                    tile.col:tile.col + tile.width] = index
            yield self._grid(source, None if whole else tile, index)
        if ids is not None:
            write_png(self.id_maps / f'{source.key}.png', ids)

    def _grid(self, source: LabelledImage, tile: Optional[Tile],
              index: np.ndarray) -> TileGrid | Dropped:
        count = len(self.legend.entries)
        pixels = np.bincount(index.ravel(), minlength=256)
        if pixels[IGNORE_LABEL] > self.max_ignored * index.size:
            where = f', row {tile.row}, column {tile.col}' if tile else ''
            return Dropped('too many ignored pixels (--max-ignored)',
                           f'{source.label}{where}', flaw=False)
        grid = to_grid(index, self.grid)
        cells = np.bincount(grid.ravel(), minlength=256)
        # Copies: COCO-Stuff has 118k of them in memory.
        return TileGrid(source, tile, grid, cells[:count].astype(np.int32),
                        pixels[:count].astype(np.int64))


def write_tiles(image: Path, wanted: dict[Tile, Path], size: int,
                overlap: int) -> Iterator[tuple[Tile, Optional[str]]]:
    """Write some tiles of an image; every pixel row is read once.

    Args:
        image (Path): Picture or raster of 8 bit.
        wanted (dict): PNG file of each tile.
        size (int): Side in pixels.
        overlap (int): Pixels that tiles share.

    Yields:
        tuple: The tile, and why it could not be written, if so.
    """
    left = dict(wanted)
    try:
        for tile, pixels in iter_tiles(image, size, overlap):
            path = left.get(tile)
            if path is None:
                continue
            if pixels.dtype != np.uint8:
                raise Unusable('image is not 8 bit: convert it first')
            write_png(path, np.ascontiguousarray(
                pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., 0]))
            del left[tile]
            yield tile, None
            if not left:
                return
    except (Unusable, DataError) as error:
        reason = str(error) if isinstance(error, Unusable) else \
            'image cannot be read'
        yield from ((tile, reason) for tile in left)
