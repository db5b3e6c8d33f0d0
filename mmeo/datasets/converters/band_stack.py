# Copyright (c) mmeo contributors. All rights reserved.
"""Single-band rasters of one place to one raster on the finest grid."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np
import rasterio
from rasterio.enums import Resampling

from mmeo.errors import DataError
from mmeo.geo import open_raster

PathLike = Union[str, Path]


def read_stack(paths: Sequence[PathLike], size: tuple[int, int],
               resampling: str = 'bilinear') -> tuple[np.ndarray, dict]:
    """Read single bands, coarser ones resampled to one grid.

    Args:
        paths: One raster for each band; all cover the same ground.
        size: Rows and columns of the result, those of the finest band.
        resampling: Of coarser bands, a name of rasterio. Defaults to
            'bilinear' (our choice).

    Returns:
        ``(C, H, W)`` in the type of the first file, and ``crs`` and
        ``transform`` of a band of that size.

    Raises:
        DataError: If bands differ in extent or reference system, have
            other types, or none is of that size.
    """
    bands, grid, first = [], None, None
    for path in paths:
        with open_raster(path) as src:
            frame = (src.crs, tuple(round(v, 3) for v in src.bounds),
                     src.dtypes[0], src.count)
            first = first or frame
            if frame != first or src.count != 1:
                raise DataError(
                    f'{path} does not fit {paths[0]}: (CRS, bounds, type, '
                    f'bands) are {frame}, not {first}. Bands of one patch '
                    'cover one place; unpack the data again.')
            if (src.height, src.width) == size:
                grid = dict(crs=src.crs, transform=src.transform)
            bands.append(src.read(
                1, out_shape=size, resampling=Resampling[resampling]))
    if grid is None:
        raise DataError(f'{paths[0]}: none of {len(paths)} bands has '
                        f'{size[0]} x {size[1]} pixels.')
    return np.stack(bands), grid


def write_stack(path: PathLike, bands: np.ndarray, grid: dict,
                names: Sequence[str]) -> None:
    """Write a compressed GeoTIFF, complete or not at all.

    Args:
        path: Target; an interrupted run leaves no half of it.
        bands: ``(C, H, W)``.
        grid: ``crs`` and ``transform``.
        names: Of the bands, kept in the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f'.{os.getpid()}.part')
    # Differences of neighbours compress well; of floats only as predictor 3.
    predictor = 3 if bands.dtype.kind == 'f' else 2
    with rasterio.open(
            partial, 'w', driver='GTiff', count=len(bands),
            height=bands.shape[1], width=bands.shape[2], dtype=bands.dtype,
            compress='deflate', predictor=predictor, **grid) as dst:
        dst.write(bands)
        dst.descriptions = tuple(names)
    os.replace(partial, path)
