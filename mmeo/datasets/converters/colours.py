# Copyright (c) mmeo contributors. All rights reserved.
"""Colour-coded label maps to class ids and back, without loss."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np
from PIL import Image

from mmeo.errors import DataError

Palette = Sequence[Sequence[int]]


def _codes(colours: np.ndarray) -> np.ndarray:
    """Pack RGB, ``(..., 3)`` uint8, into one number below 2**24."""
    wide = colours.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def colours_to_ids(colours: np.ndarray, palette: Palette,
                   source: Union[str, Path],
                   origin: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Turn a colour-coded map into class ids.

    Args:
        colours: ``(H, W, 3)`` uint8, RGB.
        palette: RGB of class 0, 1, ...
        source: File, for the message.
        origin: Row and column of the file where ``colours`` starts. Defaults
            to (0, 0).

    Returns:
        ``(H, W)`` uint8.

    Raises:
        DataError: If it is no RGB picture, or a colour is not in the palette;
            the message names file, colour and pixel.
    """
    if colours.ndim != 3 or colours.shape[2] < 3:
        raise DataError(f'label {source} is no RGB picture: take the '
                        'colour-coded masks of the data set.')
    known = _codes(np.asarray(palette, np.uint8))
    order = np.argsort(known)
    codes = _codes(colours[..., :3])
    places = np.searchsorted(known[order], codes).clip(max=len(known) - 1)
    ids = order[places]
    wrong = known[ids] != codes
    if wrong.any():
        row, col = np.argwhere(wrong)[0]
        raise DataError(
            f'label {source} holds {int(wrong.sum())} pixels of colours that '
            f'belong to no class, first RGB {colours[row, col, :3].tolist()} '
            f'at row {origin[0] + row}, column {origin[1] + col}. Download it '
            'again (a copy saved as JPEG has such colours), or correct the '
            'palette.')
    return ids.astype(np.uint8)


def ids_to_colours(ids: np.ndarray, palette: Palette,
                   source: Union[str, Path] = 'the label map') -> np.ndarray:
    """Draw class ids ``(H, W)`` in their colours, ``(H, W, 3)`` uint8.

    Raises:
        DataError: If an id has no colour.
    """
    if ids.size and ids.max() >= len(palette):
        raise DataError(f'{source} holds the class id {int(ids.max())}; the '
                        f'palette has {len(palette)} colours.')
    return np.asarray(palette, np.uint8)[ids]


def write_png(path: Union[str, Path], pixels: np.ndarray) -> None:
    """Write ``(H, W)`` or ``(H, W, 3)`` uint8, making folders as needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
