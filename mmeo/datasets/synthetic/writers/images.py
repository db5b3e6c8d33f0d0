# Copyright (c) mmeo contributors. All rights reserved.
"""PNG and GeoTIFF."""

import os
import shutil
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.transform import Affine

from mmeo.errors import DataError

# Noise hardly compresses: run lengths on one filter cost half the time of
# the default and give smaller files. OpenCV knows filters from 4.12 on.
_PHOTO = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY,
          cv2.IMWRITE_PNG_STRATEGY_RLE)
if hasattr(cv2, 'IMWRITE_PNG_FILTER'):
    _PHOTO += (cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG)
_LABEL = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write ``(H, W)`` or RGB ``(H, W, 3)`` uint8."""
    flags = _LABEL
    if image.ndim == 3:
        image, flags = cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _PHOTO
    if not cv2.imwrite(str(path), image, flags):
        raise DataError(f'cannot write {path}: is the disk full or the '
                        'folder read-only?')


def link(source: Path, target: Path) -> None:
    """Give a file a second name, as a copy where links do not work."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@lru_cache(maxsize=8)
def crs(code: int) -> CRS:
    """Coordinate reference system of an EPSG code."""
    return CRS.from_epsg(code)


def write_geotiff(path: Path, bands: np.ndarray, epsg: int,
                  transform: Affine, nodata: float | None = None,
                  compress: bool = False,
                  names: tuple[str, ...] = ()) -> None:
    """Write ``(C, H, W)`` as a GeoTIFF.

    Args:
        path (Path): Target.
        bands (ndarray): Pixels.
        epsg (int): Code of the coordinate reference system.
        transform (Affine): Pixel corner to coordinates.
        nodata (float, optional): Declared no-data value.
        compress (bool): Deflate; worth its time for labels only. Defaults
            to False.
        names (tuple[str]): Band descriptions. Defaults to none.
    """
    options = dict(compress='deflate', zlevel=1) if compress else {}
    count, height, width = bands.shape
    with rasterio.open(path, 'w', driver='GTiff', count=count,
                       height=height, width=width, dtype=bands.dtype,
                       crs=crs(epsg), transform=transform, nodata=nodata,
                       **options) as target:
        target.write(bands)
        if names:
            target.descriptions = names
