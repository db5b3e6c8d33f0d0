# Copyright (c) mmeo contributors. All rights reserved.
"""Tileable textures, made once per process and shifted for each scene."""

from functools import lru_cache

import cv2
import numpy as np

SIDE = 1024


def _noise(rng: np.random.Generator, sigma_x: float,
           sigma_y: float) -> np.ndarray:
    """Smooth Gaussian noise of unit variance that wraps around."""
    white = rng.standard_normal((SIDE, SIDE), np.float32)
    freq = np.fft.rfftfreq(SIDE)
    rows = np.fft.fftfreq(SIDE)[:, None]
    gain = np.exp(-2 * np.pi**2 * ((sigma_x * freq)**2 + (sigma_y * rows)**2))
    smooth = np.fft.irfft2(np.fft.rfft2(white) * gain, s=white.shape)
    return ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)


def _canopy(rng: np.random.Generator) -> np.ndarray:
    """Tree crowns seen from above: overlapping domes, heights 0 to 1."""
    count = 3400
    centre = rng.integers(0, SIDE, (count, 2))
    radius = rng.gamma(7.0, 1.4, count).clip(5, 20)
    height = rng.uniform(0.55, 1.0, count)
    canopy = np.zeros((SIDE, SIDE), np.float32)
    for (x, y), r, h in zip(centre, radius, height):
        reach = int(np.ceil(r))
        grid = np.arange(-reach, reach + 1, dtype=np.float32)
        dome = h * (1 - 0.55 * (grid[:, None]**2 + grid[None]**2) / r**2)
        dome[grid[:, None]**2 + grid[None]**2 > r**2] = 0
        rows = (y + grid.astype(int)) % SIDE
        cols = (x + grid.astype(int)) % SIDE
        cell = np.ix_(rows, cols)
        canopy[cell] = np.maximum(canopy[cell], dome)
    return canopy


@lru_cache(maxsize=1)
def bank() -> dict[str, np.ndarray]:
    """All textures: name -> ``(1024, 1024)`` float32.

    ``fine``, ``medium``, ``coarse``, ``ripple`` and ``sensor`` have zero mean
    and about unit variance; ``canopy`` is a height from 0 to 1.
    """
    rng = np.random.default_rng(20240229)
    fine = _noise(rng, 0.6, 0.6)
    medium = _noise(rng, 2.2, 2.2)
    coarse = 0.75 * _noise(rng, 11, 11) + 0.66 * _noise(rng, 42, 42)
    # Waves: what is left between two widths of smoothing.
    ripple = _noise(rng, 3.2, 1.4) - 0.6 * _noise(rng, 9, 9)
    sensor = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE), np.float32),
                              (3, 3), 0.45)
    return dict(fine=fine, medium=medium, coarse=coarse,
                canopy=_canopy(rng), ripple=ripple,
                sensor=sensor)


def window(texture: np.ndarray, size: int, row: int, col: int) -> np.ndarray:
    """A ``(size, size)`` cut-out at an offset.

    Up to the side of the texture it is a view, beyond that it wraps around.
    """
    if size <= SIDE:
        row, col = row % (SIDE - size + 1), col % (SIDE - size + 1)
        return texture[row:row + size, col:col + size]
    rows = np.arange(row, row + size) % SIDE
    cols = np.arange(col, col + size) % SIDE
    return texture[rows][:, cols]
