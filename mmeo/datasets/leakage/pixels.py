# Copyright (c) mmeo contributors. All rights reserved.
"""Decoded pixels in a form that does not depend on the file format."""

from pathlib import Path

import numpy as np

from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import DataError
from mmeo.geo import open_raster

_RASTERS = ('.tif', '.tiff', '.jp2', '.vrt')


def read_pixels(path: str) -> np.ndarray:
    """Decode a picture or raster.

    Palettes become colours, an alpha channel is dropped, and equal channels
    become one: a grey image saved as RGB is the same image.

    Args:
        path (str): PNG, JPEG, BMP, TIFF, ...

    Returns:
        np.ndarray: ``(H, W, C)`` of the file's type.

    Raises:
        DataError: If it cannot be decoded.
    """
    if Path(path).suffix.lower() in _RASTERS:
        return _raster(path)
    try:
        picture = read_picture(path)
    except DataError:
        # GDAL opens pictures that are too large for Pillow.
        return _raster(path)
    if picture.mode in ('P', 'RGBA', 'CMYK', 'YCbCr', 'PA'):
        picture = picture.convert('RGB')
    elif picture.mode in ('LA', '1'):
        picture = picture.convert('L')
    return _canonical(np.atleast_3d(np.asarray(picture)))


def _raster(path: str) -> np.ndarray:
    with open_raster(path) as src:
        if src.count == 1 and src.colorinterp[0].name == 'palette':
            table = src.colormap(1)
            colours = np.array([table.get(i, (0, 0, 0, 0))[:3]
                                for i in range(256)], np.uint8)
            return _canonical(colours[src.read(1).astype(np.uint8)])
        keep = [i for i, kind in zip(src.indexes, src.colorinterp)
                if kind.name != 'alpha' or src.count not in (2, 4)]
        return _canonical(src.read(keep).transpose(1, 2, 0))


def _canonical(pixels: np.ndarray) -> np.ndarray:
    first = pixels[..., :1]
    if pixels.shape[2] > 1 and (pixels == first).all():
        pixels = first
    return np.ascontiguousarray(pixels)


def grey(pixels: np.ndarray) -> np.ndarray:
    """Mean of the first three bands, ``(H, W)`` float32; NaN becomes 0."""
    mean = pixels[..., :3].mean(2, dtype=np.float32)
    return np.nan_to_num(mean, copy=False, posinf=0, neginf=0)
