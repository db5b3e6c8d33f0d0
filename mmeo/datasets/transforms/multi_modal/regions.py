# Copyright (c) mmeo contributors. All rights reserved.
"""Cut, resize, mirror and turn the images of all sensors alike."""

from collections.abc import Mapping
from typing import Optional

import cv2
import numpy as np

from mmeo.errors import DataError

_CHANNELS = 4  # as many as OpenCV takes when it shrinks


def cells_of(modalities: Mapping[str, dict], steps: Mapping[str, int],
             what: str) -> tuple[int, int]:
    """Height and width of a sample in cells, which all sensors share.

    Args:
        modalities (Mapping): Sensor to series with ``images``
            ``(T, H, W, C)``.
        steps (Mapping): Sensor to its pixels along a cell.
        what (str): Name of the sample, for the message.

    Raises:
        DataError: If a size is no multiple of its step, or sensors differ.
    """
    cells = {}
    for name, series in modalities.items():
        if name not in steps:
            raise DataError(f'{what}: no size is given for modality {name!r};'
                            f' there are sizes of {", ".join(steps)}')
        shape = series['images'].shape[1:3]
        if any(n % steps[name] for n in shape):
            raise DataError(
                f'{what}: {name!r} of {shape[0]} x {shape[1]} px cannot be '
                f'cut into cells of {steps[name]} px. Crop it to a multiple.')
        cells[name] = tuple(n // steps[name] for n in shape)
    if len(set(cells.values())) != 1:
        shapes = ', '.join(
            f'{name} {"x".join(map(str, series["images"].shape[1:3]))} px'
            for name, series in modalities.items())
        raise DataError(f'{what}: {shapes} do not stand in the ratio '
                        f'{dict(steps)}')
    return next(iter(cells.values()))


def resize_frames(images: np.ndarray, size: tuple[int, int],
                  missing: Optional[np.ndarray] = None
                  ) -> tuple[np.ndarray, Optional[np.ndarray]]:
    """Resize ``(T, H, W, C)``; area means when shrinking, else bilinear.

    Pixels without data have no weight: a new pixel is the mean of the data
    below it, and holds none if less than half of it does. S1 is averaged in
    decibels, which keeps its mean (our choice).

    Args:
        images (ndarray): Any type.
        size (tuple[int, int]): New height and width.
        missing (ndarray, optional): ``(T, H, W)`` bool.

    Returns:
        tuple: float32 images and the new mask (None if there was none).
    """
    if images.shape[1:3] == size:
        return images.astype(np.float32), missing
    if missing is None:
        return _resize(images, size), None
    weight = (~missing)[..., None].astype(np.float32)
    total = _resize(images * weight, size)
    share = _resize(weight, size)
    out = total / np.maximum(share, 1e-6)
    gone = share[..., 0] < 0.5
    out[gone] = 0
    return out, gone if gone.any() else None


def _resize(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    frames, height, width, channels = images.shape
    shrinks = size[0] <= height and size[1] <= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    if images.dtype.kind != 'u' or images.dtype.itemsize > 2 or \
            images.dtype == np.uint8:
        # uint8 would be rounded.
        images = images.astype(np.float32)
    flat = images.transpose(1, 2, 0, 3).reshape(height, width, -1)
    parts = [cv2.resize(np.ascontiguousarray(flat[..., i:i + _CHANNELS]),
                        size[::-1], interpolation=how).reshape(*size, -1)
             for i in range(0, flat.shape[2], _CHANNELS)]
    out = np.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]
    out = out.reshape(*size, frames, channels).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(out, dtype=np.float32)


def resize_label(label: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The value in the middle of each new pixel, ``(H, W)`` to ``size``."""
    rows, cols = ((np.arange(n) + .5) * m / n
                  for n, m in zip(size, label.shape))
    return label[rows.astype(int)[:, None], cols.astype(int)]


def cut(array: np.ndarray, box: tuple[int, int, int, int],
        step: int) -> np.ndarray:
    """A view of ``(..., H, W, C)`` or ``(H, W)``; the box counts in cells.

    Args:
        array (ndarray): ``(T, H, W, C)``, ``(T, H, W)`` or ``(H, W)``.
        box (tuple[int]): x1, y1, x2, y2.
        step (int): Pixels along a cell.
    """
    x1, y1, x2, y2 = (n * step for n in box)
    if array.ndim == 2:
        return array[y1:y2, x1:x2]
    return array[:, y1:y2, x1:x2]


def mirror_and_turn(array: np.ndarray, flip: bool, turns: int,
                    axes: tuple[int, int]) -> np.ndarray:
    """Mirror left to right, then turn counter-clockwise by quarters."""
    if flip:
        array = np.flip(array, axis=axes[1])
    return np.rot90(array, turns, axes=axes) if turns else array


def move_series(series: dict, flip: bool, turns: int) -> None:
    """Mirror and turn the images and mask of a series, in place."""
    for key in ('images', 'nodata'):
        if key in series:
            series[key] = np.ascontiguousarray(
                mirror_and_turn(series[key], flip, turns, (1, 2)))
