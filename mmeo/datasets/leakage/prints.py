# Copyright (c) mmeo contributors. All rights reserved.
"""Fingerprints of images: digests of file and pixels, and a thumbnail."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Optional

import cv2
import numpy as np

from mmeo.datasets.leakage.pixels import grey, read_pixels
from mmeo.errors import ConfigError

SIDE = 32  # pixels of a thumbnail
_LOW = 8  # lowest frequencies of each axis

WHOLE = (0, 0, 0, 0)


class Print(NamedTuple):
    """What is kept of an image, or of a window of one.

    Attributes:
        window (tuple[int, int, int, int]): ``x, y, w, h`` in pixels; all 0
            is the whole image.
        file (bytes): Digest of the file; empty for a window.
        pixels (bytes): Digest of the decoded pixels.
        thumb (np.ndarray): ``(32, 32)`` uint8, stretched to 0..255.
        contrast (float): Standard deviation of the thumbnail before it was
            stretched, in levels of 255; 0 where all pixels are equal.
    """

    window: tuple[int, int, int, int]
    file: bytes
    pixels: bytes
    thumb: np.ndarray
    contrast: float


class Tiles(NamedTuple):
    """Windows of larger images that are compared too.

    Attributes:
        size (int): Side in pixels.
        stride (int): Step in pixels.
    """

    size: int
    stride: int

    def check(self) -> 'Tiles':
        """Raise ConfigError unless both are positive."""
        if self.size < SIDE or self.stride < 1:
            raise ConfigError(f'tiles of {self.size} px every {self.stride} '
                              f'px: give at least {SIDE} and 1')
        return self


def fingerprints(path: str, tiles: Optional[Tiles] = None) -> Iterator[Print]:
    """Print of an image, then those of its windows.

    Args:
        path (str): Image file.
        tiles (Tiles, optional): Windows of images that are larger. By
            default there are none.

    Raises:
        DataError: If it cannot be decoded.
    """
    pixels = read_pixels(path)
    yield _print(pixels, WHOLE, _digest(Path(path).read_bytes()))
    height, width = pixels.shape[:2]
    if tiles is None or max(height, width) <= tiles.size:
        return
    size, stride = tiles
    for y in range(0, max(height - size, 0) + 1, stride):
        for x in range(0, max(width - size, 0) + 1, stride):
            part = np.ascontiguousarray(pixels[y:y + size, x:x + size])
            yield _print(part, (x, y, part.shape[1], part.shape[0]), b'')


def _print(pixels: np.ndarray, window: tuple[int, int, int, int],
           file: bytes) -> Print:
    head = f'{pixels.shape}{pixels.dtype}'.encode()
    level = grey(pixels)
    thumb = cv2.resize(level, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    low, high = float(thumb.min()), float(thumb.max())
    # 16-bit images are judged by their own range.
    scale = 1 if pixels.dtype == np.uint8 else 255 / max(
        float(level.max() - level.min()), 1e-12)
    stretched = (thumb - low) * (255 / max(high - low, 1e-12))
    return Print(window, file, _digest(head + pixels.tobytes()),
                 stretched.round().astype(np.uint8),
                 float(thumb.std() * scale) if high > low else 0.0)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _cosines() -> np.ndarray:
    """First rows of the orthonormal DCT-II, ``(8, 32)``."""
    place = (np.arange(SIDE) + 0.5) / SIDE
    return np.cos(np.pi * np.arange(_LOW)[:, None] * place
                  ).astype(np.float32)


_COSINES = _cosines()


def perceptual_hash(thumbs: np.ndarray) -> np.ndarray:
    """Signs of the 63 lowest DCT coefficients beside the mean.

    Our own choice among the DCT hashes: with signs instead of a median,
    brightness and contrast have no influence at all.

    Args:
        thumbs (np.ndarray): ``(N, 32, 32)`` of any type.

    Returns:
        np.ndarray: ``(N, )`` uint64.
    """
    levels = thumbs.astype(np.float32)
    levels -= levels.mean((1, 2), keepdims=True)
    low = _COSINES @ levels @ _COSINES.T  # (N, 8, 8)
    bits = low.reshape(len(thumbs), -1) > 0
    bits[:, 0] = False
    return np.packbits(bits, axis=1).view(np.uint64).reshape(-1)


#: Turn (quarters, counter-clockwise) and then flip (left-right).
ORIENTATIONS = tuple((turn, flip) for flip in (False, True)
                     for turn in range(4))


def oriented(thumbs: np.ndarray, turn: int, flip: bool) -> np.ndarray:
    """Turn and flip thumbnails ``(N, 32, 32)``."""
    turned = np.rot90(thumbs, turn, axes=(1, 2))
    return np.ascontiguousarray(turned[..., ::-1] if flip else turned)


def orientation_name(turn: int, flip: bool) -> str:
    """``upright``, ``turned 90``, ``turned 90, flipped``, ..."""
    words = [f'turned {90 * turn}'] if turn else []
    words += ['flipped'] if flip else []
    return ', '.join(words) or 'upright'
