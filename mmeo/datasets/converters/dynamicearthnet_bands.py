# Copyright (c) mmeo contributors. All rights reserved.
"""Which band is which: means over files of DynamicEarthNet."""

from pathlib import Path

import numpy as np

from mmeo.errors import MissingDataError
from mmeo.geo import open_raster

from .dynamicearthnet import PathLike, find_images


def measure(source: PathLike, files: int = 20) -> list[str]:
    """Mean and deviation of each band, to tell the order of the bands.

    Pixels that are 0 or NaN in all bands are left out; every fourth pixel of
    each side is read.

    Args:
        source: Folder that the archives were unpacked to.
        files: Files per sensor, spread over all. Defaults to 20.

    Returns:
        list[str]: A line per sensor and band.

    Raises:
        MissingDataError: If there is no image.
    """
    lines = []
    for sensor, found in find_images(source).items():
        paths = list(found.values())
        values = [_pixels(paths[i]) for i in sorted(set(np.linspace(
            0, len(paths) - 1, min(files, len(paths)), dtype=int)))]
        if values:
            pixels = np.concatenate(values, 1)
            lines += [f'{sensor:>6} band {b + 1:>2}: mean {m:10.2f}, '
                      f'deviation {d:10.2f}' for b, (m, d) in enumerate(zip(
                          pixels.mean(1), pixels.std(1)))]
    if not lines:
        raise MissingDataError(f'no image below {source}. Unpack the '
                               'archives of DynamicEarthNet there.')
    return lines


def _pixels(path: Path) -> np.ndarray:
    """Pixels that hold data, ``(C, N)`` float64."""
    with open_raster(path) as src:
        bands = src.read()[:, ::4, ::4].reshape(src.count, -1)
    bands = bands.astype(np.float64)
    return bands[:, np.isfinite(bands).all(0) & bands.any(0)]
