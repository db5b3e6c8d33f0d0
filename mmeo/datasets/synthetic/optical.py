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
        gamma (float): Exponent of the tone curve.
        noise (float): Standard deviation of sensor noise, grey values.
        blur (float): Width of the point spread, pixels.
    """

    date: str
    day: int
    azimuth: float
    elevation: float
    gain: np.ndarray
    haze: np.ndarray
    gamma: float
    noise: float
    blur: float


def flight(scene: Scene, when: int) -> Flight:
    """Draw the conditions of one of the two dates."""
    rng = scene.rng(10 + when)
    first = when == FIRST
    day = int(rng.integers(120, 240) if first else rng.integers(90, 290))
    year = 2021 if first else 2023
    date = np.datetime64(f'{year}-01-01') + (day - 1)
    sun = scene.plan.sun + scene.plan.turn
    haze = rng.uniform(0, .022)
    return Flight(
        date=str(date).replace('-', ''), day=day,
        azimuth=sun + (0 if first else rng.uniform(-.35, .35)),
        elevation=math.radians(rng.uniform(38, 60)),
        gain=(rng.uniform(1.45, 2.25) * rng.uniform(.92, 1.08, 3)
              ).astype(np.float32),
        haze=(haze * np.array([.7, .9, 1.3])).astype(np.float32),
        gamma=float(rng.uniform(.44, .54)), noise=float(rng.uniform(1, 3)),
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
    ids, table, size = scene.ids[when], scene.surfaces, scene.size
    rng = scene.rng(20 + when)
    offset = rng.integers(0, SIDE, 4)
    textures = bank()
    visible = table.reflectance(shot.day)[:, 2::-1]  # B4 B3 B2
    rgb = np.take(np.ascontiguousarray(visible), ids, axis=0)
    # Texture of the ground stays put between dates, that of water does not.
    place = scene.rng(30).integers(0, SIDE, 2)
    light = np.ones((size, size), np.float32)
    height = table['height'][ids]
    for layer in LAYERS:
        amp = table[layer]
        if not amp.any():
            continue
        at = offset[:2] if layer == 'ripple' else place
        grain = window(textures[layer], size, *at)
        if layer == 'canopy':
            crown = table['crown']
            if crown.any():
                height += crown[ids] * grain
            grain = grain - .52
        light += amp[ids] * grain
    _add_rows(light, scene, ids)
    np.clip(light, .15, 2.5, out=light)
    light *= _sunlight(height, shot)
    rgb *= light[..., None]
    # Shade is blue: skylight fills it.
    rgb += shot.haze
    rgb *= shot.gain
    cv2.GaussianBlur(rgb, (3, 3), shot.blur, dst=rgb)
    np.clip(rgb, 0, 1, out=rgb)
    cv2.pow(rgb, shot.gamma, dst=rgb)
    rgb *= 255
    rgb += shot.noise * window(textures['sensor'], size, *offset[2:])
    return cv2.convertScaleAbs(np.clip(rgb, 0, 255, out=rgb))


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
    """Factor of cast shadows, ``(H, W)`` float32 from about 0.4 to 1.

    A shadow front travels away from the sun and sinks as it goes. Doubling
    the stride each time reaches 128 pixels in seven steps of byte arithmetic.
    """
    level = cv2.convertScaleAbs(height, alpha=1 / _HEIGHT_STEP)
    front = level.copy()
    dx, dy = -math.cos(shot.azimuth), -math.sin(shot.azimuth)
    drop = math.tan(shot.elevation) * GSD / _HEIGHT_STEP
    size = len(level)
    stride = 1
    while stride <= min(64, size // 2):
        mx, my = round(dx * stride), round(dy * stride)
        sunk = math.hypot(mx, my) * drop
        moved = cv2.warpAffine(
            front, np.float32([[1, 0, mx], [0, 1, my]]), (size, size),
            flags=cv2.INTER_NEAREST)
        front = cv2.max(front, cv2.subtract(moved, (round(sunk),)))
        stride *= 2
    shadow = (front > cv2.add(level, (2,))).astype(np.float32)
    shadow = cv2.blur(shadow, (3, 3))
    return 1 - .62 * shadow
