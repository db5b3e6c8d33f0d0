# Copyright (c) mmeo contributors. All rights reserved.
"""Very high resolution RGB of a scene."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mmeo.datasets.synthetic.plan import FIRST
from mmeo.datasets.synthetic.raster import Scene, to_metres
from mmeo.datasets.synthetic.scenes import GSD
from mmeo.datasets.synthetic.surfaces import LAYERS
from mmeo.datasets.synthetic.texture import SIDE, bank, window

_HEIGHT_STEP = .25  # metres per grey value of the height map


@dataclass
class Flight:
    """Conditions under which an image is taken.

    Args:
        date (str): ``YYYYMMDD``.
        day (int): Day of year.
        azimuth (float): Direction of the sun in the image, radians.
        elevation (float): Height of the sun, radians.
        gain (ndarray): Gain of the three channels.
        haze (ndarray): Added path radiance of the three channels.
        contrast (float): Bends the tone curve around a square root.
        noise (float): Standard deviation of sensor noise, grey values.
        blur (float): Width of the point spread, pixels.
    """

    date: str
    day: int
    azimuth: float
    elevation: float
    gain: np.ndarray
    haze: np.ndarray
    contrast: float
    noise: float
    blur: float


def flight(scene: Scene, when: int) -> Flight:
    """Draw the conditions of one of the two dates."""
    rng = scene.rng(10 + when)
    style = scene.plan.style
    first = when == FIRST
    day = int(rng.integers(*style.days[0 if first else 1]))
    year = 2021 if first else 2023
    date = np.datetime64(f'{year}-01-01') + (day - 1)
    sun = scene.plan.sun + scene.plan.turn
    haze = rng.uniform(*style.haze)
    return Flight(
        date=str(date).replace('-', ''), day=day,
        azimuth=sun + (0 if first else rng.uniform(-.35, .35)),
        elevation=math.radians(rng.uniform(*style.elevation)),
        gain=(rng.uniform(1.45, 2.25) * rng.uniform(.92, 1.08, 3)
              * style.gain).astype(np.float32),
        haze=(haze * np.array(style.haze_colour)).astype(np.float32),
        contrast=float(rng.uniform(-.15, .2)) + style.contrast,
        noise=float(rng.uniform(1, 3)) * style.noise,
        blur=float(rng.uniform(.45, .75)))


def render_rgb(scene: Scene, when: int) -> np.ndarray:
    """Image of a date.

    Args:
        scene (Scene): What to render.
        when (int): ``FIRST`` or ``SECOND``.

    Returns:
        ndarray: ``(size, size, 3)`` uint8, RGB.
    """
    shot = flight(scene, when)
    table, size = scene.surfaces, scene.size
    ids = scene.ids[when].astype(np.intp)  # the type that take() wants
    rng = scene.rng(20 + when)
    light, height = _texture(scene, ids, rng)
    light *= _sunlight(height, shot)
    visible = table.reflectance(shot.day)[:, 2::-1] * shot.gain  # B4 B3 B2
    rgb = np.empty((size, size, 3), np.uint8)
    grain = bank()['sensor']
    for channel in range(3):
        band = np.take(visible[:, channel].copy(), ids)
        band *= light
        band += shot.haze[channel] * shot.gain[channel]
        cv2.GaussianBlur(band, (3, 3), shot.blur, dst=band)
        np.clip(band, 0, 1, out=band)
        np.sqrt(band, out=band)
        tone = band * (255 * shot.contrast)
        tone += 255 * (1 - shot.contrast)
        band *= tone
        at = rng.integers(0, SIDE, 2)
        band += np.float32(shot.noise) * window(grain, size, *at)
        # Saturates, and mirrors the little that noise takes below zero.
        rgb[..., channel] = cv2.convertScaleAbs(band)
    return rgb


def _texture(scene: Scene, ids: np.ndarray, rng: np.random.Generator
             ) -> tuple[np.ndarray, np.ndarray]:
    """Local brightness around 1 and height in metres, both ``(H, W)``."""
    table, size = scene.surfaces, scene.size
    light = np.ones((size, size), np.float32)
    height = np.take(table['height'], ids)
    # Texture of the ground stays put between dates, that of water does not.
    ground = scene.rng(30).integers(0, SIDE, 2)
    moving = rng.integers(0, SIDE, 2)
    for layer in LAYERS:
        grain = window(bank()[layer], size,
                       *(moving if layer == 'ripple' else ground))
        if layer == 'canopy':
            if table['crown'].any():
                height += np.take(table['crown'], ids) * grain
            grain = grain - np.float32(.52)
        if table[layer].any():
            light += np.take(table[layer], ids) * grain
    _add_rows(light, scene, ids)
    return np.clip(light, .15, 2.5, out=light), height


def _add_rows(light: np.ndarray, scene: Scene, ids: np.ndarray) -> None:
    """Stripes of fields, metal roofs and mown grass, in place."""
    amp = scene.surfaces['row_amp']
    where = np.flatnonzero((amp > 0)[ids].ravel())
    if not len(where):
        return
    rows, cols = np.divmod(where.astype(np.int32), np.int32(scene.size))
    x, y = to_metres(cols, rows, scene.plan, scene.size)
    part = ids.ravel()[where]
    phase = scene.surfaces['row_x'][part] * x
    phase += scene.surfaces['row_y'][part] * y
    light.ravel()[where] += amp[part] * np.sin(phase)


def _sunlight(height: np.ndarray, shot: Flight) -> np.ndarray:
    """Factor of cast shadows, ``(H, W)`` float32 from about 0.4 to 1."""
    light = 1 - np.float32(.62) * cast_shadow(height, shot.azimuth,
                                              shot.elevation)
    return cv2.blur(light, (3, 3))


def cast_shadow(height: np.ndarray, azimuth: float,
                elevation: float) -> np.ndarray:
    """Where a beam does not reach the surface.

    A shadow front travels away from the source and sinks as it goes. Doubling
    the stride each time reaches 128 pixels in seven steps of byte arithmetic.

    Args:
        height (ndarray): ``(H, W)`` metres.
        azimuth (float): Direction of the source in the image, radians.
        elevation (float): Its height, radians.

    Returns:
        ndarray: ``(H, W)`` bool.
    """
    level = cv2.convertScaleAbs(height, alpha=1 / _HEIGHT_STEP)
    front = level.copy()
    dx, dy = -math.cos(azimuth), -math.sin(azimuth)
    drop = math.tan(elevation) * GSD / _HEIGHT_STEP
    size = len(level)
    stride = 1
    while stride <= min(64, size // 2):
        mx, my = round(dx * stride), round(dy * stride)
        sunk = math.hypot(mx, my) * drop
        moved = np.zeros_like(front)
        moved[max(my, 0):size + min(my, 0), max(mx, 0):size + min(mx, 0)] = \
            front[max(-my, 0):size - max(my, 0),
                  max(-mx, 0):size - max(mx, 0)]
        sunk = np.uint8(min(255, round(sunk)))
        np.maximum(moved, sunk, out=moved)
        moved -= sunk
        np.maximum(front, moved, out=front)
        stride *= 2
    front = np.maximum(front, 2) - np.uint8(2)
    return front > level
