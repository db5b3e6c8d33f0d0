# Copyright (c) mmeo contributors. All rights reserved.
"""Between label rasters and the coarse grid that is written as text."""

import numpy as np

from mmeo.errors import DataError


def to_grid(label: np.ndarray, grid: int = 24) -> np.ndarray:
    """Sample a label raster at the centres of g x g cells.

    The same pixels as Pillow's ``resize((g, g), NEAREST)``, which Text4Seg
    uses; the aspect ratio of the image is given up.

    Args:
        label (np.ndarray): ``(H, W)``, any type.
        grid (int): Cells of a side. Defaults to 24.

    Returns:
        np.ndarray: ``(g, g)`` of the same type.

    Raises:
        DataError: If the raster has no two axes or no pixels.
    """
    return _sample(label, (grid, grid))


def from_grid(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarge a grid to the image, without interpolation.

    Args:
        mask (np.ndarray): ``(g, g)``, labels or scores.
        size (tuple[int, int]): Height and width in pixels.

    Returns:
        np.ndarray: ``(H, W)`` of the same type.

    Raises:
        DataError: If the grid has no two axes or no cells.
    """
    return _sample(mask, size)


def _sample(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != 2 or not array.size or min(size) < 1:
        raise DataError(f'cannot sample an array of shape {array.shape} at '
                        f'{size[0]} x {size[1]} points: give one band')
    rows, columns = (_centres(n, m) for n, m in zip(array.shape, size))
    return array[rows[:, None], columns]


def _centres(length: int, count: int) -> np.ndarray:
    """Index below the centre of each of ``count`` equal parts.

    Summed up as Pillow does it: where a centre falls on the border of two
    pixels, rounding decides, and labels must not depend on who sampled them.
    """
    steps = np.full(count, length / count)
    steps[0] *= 0.5
    return np.minimum(np.cumsum(steps).astype(np.int64), length - 1)
