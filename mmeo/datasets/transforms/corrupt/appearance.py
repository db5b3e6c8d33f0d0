# Copyright (c) mmeo contributors. All rights reserved.
"""Corruptions that leave objects where they are.

Each takes an image ``(H, W, C)`` float32 in [0, 1], the parameter of a
severity and a random generator, and returns an image of the same kind, which
may leave [0, 1]; the caller clips.
"""

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

_CLOUD_SCALE = 200.0  # pixels of the coarsest octave, REOBench
_CLOUD_OCTAVES = 6
_CLOUD_GREY = 0.9


def gaussian_noise(img: np.ndarray, sigma: float,
                   rng: Generator) -> np.ndarray:
    """Add independent noise to every value."""
    noise = rng.standard_normal(img.shape, dtype=np.float32)
    return img + np.float32(sigma) * noise


def salt_and_pepper_noise(img: np.ndarray, amount: float,
                          rng: Generator) -> np.ndarray:
    """Set a share of all values to 0 or 1, half each."""
    draw = rng.random(img.shape, dtype=np.float32)
    out = img.copy()
    out[draw < amount / 2] = 0
    out[draw > 1 - amount / 2] = 1
    return out


def gaussian_blur(img: np.ndarray, kernel: int,
                  rng: Generator) -> np.ndarray:
    """Blur with a kernel whose sigma follows from its size."""
    return _keep_bands(cv2.GaussianBlur(img, (kernel, kernel), 0), img)


def motion_blur(img: np.ndarray, length: int, rng: Generator) -> np.ndarray:
    """Average along a horizontal path."""
    return _keep_bands(cv2.blur(img, (length, 1)), img)


def brightness_contrast(img: np.ndarray, levels: tuple[float, float],
                        rng: Generator) -> np.ndarray:
    """Scale all values and lift them."""
    brightness, contrast = levels
    return img * np.float32(contrast) + np.float32(brightness)


def haze(img: np.ndarray, density: float, rng: Generator) -> np.ndarray:
    """Mix with white."""
    return img * np.float32(1 - density) + np.float32(density)


def clouds(img: np.ndarray, density: float, rng: Generator) -> np.ndarray:
    """Cover the peaks of fractal noise with soft grey."""
    height, width = img.shape[:2]
    field = fractal_noise(height, width, rng)
    cover = (field > 1 - density).astype(np.float32)
    cover = cv2.GaussianBlur(cover, (11, 11), 5)[..., None]  # (H, W, 1)
    return img * (1 - cover) + np.float32(_CLOUD_GREY) * cover


def gaps(img: np.ndarray, stripes: tuple[int, int],
         rng: Generator) -> np.ndarray:
    """Black out parallel stripes at a random angle."""
    count, stripe_width = stripes
    height, width = img.shape[:2]
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    across = x * np.cos(angle) + y * np.sin(angle)
    spacing = np.hypot(height, width) / count
    return img * (np.mod(across, spacing) >= stripe_width)[..., None]


def compression_artifacts(img: np.ndarray, quality: int,
                          rng: Generator) -> np.ndarray:
    """Through a JPEG file and back; bands other than RGB one by one."""
    eight = (img.clip(0, 1) * 255).round().astype(np.uint8)
    if eight.shape[2] == 3:
        # BGR to RGB: JPEG keeps luminance better than colour.
        out = _jpeg(eight[..., ::-1], quality)[..., ::-1]
    else:
        out = np.stack([_jpeg(eight[..., i], quality)
                        for i in range(eight.shape[2])], axis=2)
    return out.astype(np.float32) / 255


def _jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(
        file, format='JPEG', quality=quality)
    return np.asarray(Image.open(file))


def _keep_bands(out: np.ndarray, img: np.ndarray) -> np.ndarray:
    """OpenCV drops the last axis of single-band images."""
    return out.reshape(img.shape)


def fractal_noise(height: int, width: int, rng: Generator) -> np.ndarray:
    """Gradient noise over octaves of doubled frequency and halved weight.

    Source: Perlin, Improving Noise, SIGGRAPH 2002.

    Args:
        height (int): In pixels.
        width (int): In pixels.
        rng (Generator): Draws the gradients.

    Returns:
        np.ndarray: ``(H, W)`` float32; lowest value 0, highest 1.
    """
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(_CLOUD_OCTAVES):
        step = _CLOUD_SCALE / 2**octave
        total += gradient_noise(height, width, step, rng) / 2**octave
    total -= total.min()
    return total / max(float(total.max()), 1e-12)


def gradient_noise(height: int, width: int, step: float,
                   rng: Generator) -> np.ndarray:
    """One octave: random gradients on a lattice of ``step`` pixels.

    Returns:
        np.ndarray: ``(H, W)`` float32; 0 at the lattice points.
    """
    y, x = np.arange(height) / step, np.arange(width) / step
    rows, cols = int(y[-1]) + 2, int(x[-1]) + 2
    angle = rng.uniform(0, 2 * np.pi, (rows, cols))
    gradient = np.stack((np.cos(angle), np.sin(angle)))  # (2, rows, cols)
    iy, ix = y.astype(int), x.astype(int)
    fy, fx = (y - iy)[:, None], (x - ix)[None]  # in [0, 1)

    def corner(dy: int, dx: int) -> np.ndarray:
        gx, gy = gradient[:, (iy + dy)[:, None], (ix + dx)[None]]
        return gx * (fx - dx) + gy * (fy - dy)

    sy, sx = (t**3 * (t * (6 * t - 15) + 10) for t in (fy, fx))
    top = corner(0, 0) * (1 - sx) + corner(0, 1) * sx
    bottom = corner(1, 0) * (1 - sx) + corner(1, 1) * sx
    return (top * (1 - sy) + bottom * sy).astype(np.float32)


FUNCTIONS: dict[str, Callable[[np.ndarray, Any, Generator], np.ndarray]] = {
    'gaussian_noise': gaussian_noise,
    'salt_and_pepper_noise': salt_and_pepper_noise,
    'gaussian_blur': gaussian_blur,
    'motion_blur': motion_blur,
    'brightness_contrast': brightness_contrast,
    'clouds': clouds,
    'haze': haze,
    'gaps': gaps,
    'compression_artifacts': compression_artifacts,
}
