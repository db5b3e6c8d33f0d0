# Copyright (c) mmeo contributors. All rights reserved.
"""Cells of equal size on the ground, and images warped onto them."""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple, Optional

import numpy as np
from rasterio.coords import BoundingBox
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from mmeo.geo import open_raster

from .stac_items import BandFile


class Cell(NamedTuple):
    """One place: a square of ``pixels`` coarse pixels of ``pitch`` metres."""

    name: str
    crs: CRS
    west: float
    north: float
    pitch: float
    pixels: int

    def transform(self, ratio: int = 1) -> Affine:
        """Of its image with ``ratio`` pixels along a coarse one."""
        step = self.pitch / ratio
        return Affine(step, 0, self.west, 0, -step, self.north)

    @property
    def bounds(self) -> BoundingBox:
        side = self.pitch * self.pixels
        return BoundingBox(self.west, self.north - side, self.west + side,
                           self.north)


def metric_crs(src: DatasetReader) -> CRS:
    """The raster's own CRS if it counts in metres, else its UTM zone."""
    if src.crs.is_projected and src.crs.linear_units_factor[1] == 1:
        return src.crs
    west, south, east, north = transform_bounds(src.crs, 'EPSG:4326',
                                                *src.bounds)
    zone = min(int(((west + east) / 2 + 180) // 6) + 1, 60)
    return CRS.from_epsg((32600 if south + north >= 0 else 32700) + zone)


def hr_cells(src: DatasetReader, name: str, pitch: float,
             pixels: int) -> tuple[list[Cell], int]:
    """Whole cells of an HR image, from its upper left corner.

    Returns:
        tuple: The cells, and the number of those at the border that the image
        covers in part only.
    """
    crs = metric_crs(src)
    west, south, east, north = transform_bounds(src.crs, crs, *src.bounds)
    side = pitch * pixels
    wide, high = (east - west) / side, (north - south) / side
    # Half an HR pixel may be lacking.
    cols, rows = (math.floor(n + .5 / 32 / pixels) for n in (wide, high))
    cells = [Cell(f'{name}_{row:03d}_{col:03d}', crs, west + col * side,
                  north - row * side, pitch, pixels)
             for row in range(rows) for col in range(cols)]
    return cells, math.ceil(wide - 1e-6) * math.ceil(high - 1e-6) - len(cells)


def grid_cells(src: DatasetReader, pitch: float, pixels: int
               ) -> Iterator[Cell]:
    """Cells of a fixed grid of its CRS that lie inside an image.

    The grid counts from the origin of the CRS, so all dates of all scenes
    meet in the same cells, named ``EPSG_COLUMN_ROW``.
    """
    crs = metric_crs(src)
    west, south, east, north = transform_bounds(src.crs, crs, *src.bounds)
    side = pitch * pixels
    for row in range(math.ceil(south / side), math.floor(north / side)):
        for col in range(math.ceil(west / side), math.floor(east / side)):
            yield Cell(f'{crs.to_epsg()}_{col:05d}_{row:05d}', crs,
                       col * side, (row + 1) * side, pitch, pixels)


class Warper:
    """Reads bands of one scene on any cell.

    Args:
        bands (dict[str, BandFile]): In the order of the result.
        resampling (str): Name in ``rasterio.enums.Resampling``.
        nodata (float, optional): Value without data where a file declares
            none.
    """

    def __init__(self, bands: dict[str, BandFile], resampling: str,
                 nodata: Optional[float]) -> None:
        self.bands = bands
        self.resampling = Resampling[resampling]
        self.nodata = nodata
        self._stack = ExitStack()
        self._files: dict[str, DatasetReader] = {}

    def __enter__(self) -> 'Warper':
        for band in self.bands.values():
            if band.path not in self._files:
                self._files[band.path] = self._stack.enter_context(
                    open_raster(band.path))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def covers(self, cell: Cell) -> bool:
        """Whether the extents touch, before any pixel is read."""
        src = next(iter(self._files.values()))
        # In degrees, which every image has.
        box = transform_bounds(src.crs, 'EPSG:4326', *src.bounds)
        own = transform_bounds(cell.crs, 'EPSG:4326', *cell.bounds)
        return (box[0] < own[2] and own[0] < box[2]
                and box[1] < own[3] and own[1] < box[3])

    def read(self, cell: Cell, ratio: int = 1
             ) -> tuple[np.ndarray, np.ndarray]:
        """Warp onto a cell.

        Returns:
            tuple: float32 ``(C, h, w)``, and ``(h, w)`` bool, True where all
            bands hold data.
        """
        side = cell.pixels * ratio
        images, valid = [], np.ones((side, side), dtype=bool)
        for band in self.bands.values():
            src = self._files[band.path]
            nodata = self.nodata if src.nodata is None else src.nodata
            with WarpedVRT(src, crs=cell.crs,
                           transform=cell.transform(ratio), width=side,
                           height=side, resampling=self._how(src, cell,
                                                             ratio),
                           src_nodata=nodata, nodata=np.nan,
                           dtype='float32') as vrt:
                image = vrt.read(band.index)
            valid &= np.isfinite(image)
            images.append(image)
        return np.stack(images), valid

    def _how(self, src: DatasetReader, cell: Cell, ratio: int) -> Resampling:
        """Means where pixels become more than half as large again."""
        box = transform_bounds(cell.crs, src.crs, *cell.bounds)
        fine = (box[3] - box[1]) / abs(src.transform.e)  # source pixels
        if fine > 1.5 * cell.pixels * ratio and \
                self.resampling != Resampling.nearest:
            return Resampling.average
        return self.resampling
