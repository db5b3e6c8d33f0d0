# Copyright (c) mmeo contributors. All rights reserved.
"""Sentinel-2-like and Sentinel-1-like 10 m time series of a scene."""

from dataclasses import dataclass

import numpy as np

from mmeo.datasets.synthetic.classes import LEAF_IDS, LEAVES, leaves_of
from mmeo.datasets.synthetic.plan import FIRST
from mmeo.datasets.synthetic.raster import Scene
from mmeo.datasets.synthetic.styles import Style
from mmeo.datasets.synthetic.texture import SIDE, bank, window

RATIO = 32  # HR pixels along a 10 m pixel
S2_DAYS = (30, 100, 160, 215, 280)
S1_DAYS = (45, 165, 285)
YEAR = 2021
_CLOUD = np.float32([.48, .47, .46, .47, .48, .49, .50, .50, .36, .26])


def shares(scene: Scene) -> np.ndarray:
    """Area share of each surface in each 10 m pixel: ``(h * w, S)``."""
    ids = scene.ids[FIRST]
    cells = scene.size // RATIO
    count = len(scene.surfaces)
    row = np.arange(scene.size) // RATIO
    cell = row[:, None] * cells + row[None]
    flat = (cell * count + ids).ravel()
    table = np.bincount(flat, minlength=cells * cells * count)
    return table.reshape(cells * cells, count).astype(np.float32) / RATIO**2


def _dates(days: tuple, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Acquisition dates near the nominal days: ``(YYYYMMDD, day)``."""
    dates = []
    for day in days:
        day = int(day + rng.integers(-9, 10))
        date = np.datetime64(f'{YEAR}-01-01') + (day - 1)
        dates.append((str(date).replace('-', ''), day))
    return dates


def sentinel2(scene: Scene, mixture: np.ndarray) -> dict[str, np.ndarray]:
    """Ten-band series, some frames with clouds.

    Args:
        scene (Scene): What to render.
        mixture (ndarray): Output of :func:`shares`.

    Returns:
        dict: Date -> ``(10, h, w)`` uint16, reflectance x 10000.
    """
    rng = scene.rng(40)
    cells = scene.size // RATIO
    frames = {}
    for date, day in _dates(S2_DAYS, rng):
        values = mixture @ scene.surfaces.reflectance(day)
        values = values.T.reshape(10, cells, cells)
        values = values * rng.uniform(.95, 1.05)
        noise = rng.normal(0, .004, values.shape) + rng.uniform(0, .006)
        cloudy = rng.random() < .3
        at = rng.integers(0, SIDE, 2)
        if cloudy:
            veil = window(bank()['coarse'], cells * 4, *at)[::4, ::4]
            veil = np.clip(veil * .8 + rng.uniform(-.8, .9), 0, 1)
            values = values * (1 - veil) + _CLOUD[:, None, None] * veil
        frames[date] = np.clip((values + noise) * 10000, 1, 16000
                               ).astype(np.uint16)
    return frames


def _backscatter(style: Style) -> np.ndarray:
    """Bare and overgrown backscatter of each leaf: ``(L + 1, 2, 2)`` dB.

    Axes: leaf, bare or full cover, VV or VH. Our choice, in the range of
    C-band literature at 35 to 40 degrees.
    """
    table = np.empty((len(LEAVES) + 1, 2, 2), np.float32)
    table[:] = ((-13.0, -21.0), (-10.5, -16.5))
    groups = {
        'water': (-21.5, -29.5), 'street': (-15.0, -23.5),
        'airfield': (-17.0, -25.5), 'residential building': (-4.0, -13.0),
        'non-residential building': (-1.5, -11.0),
        'facility': (-13.5, -21.5), 'vehicle': (-4.0, -13.0),
        'craft': (4.0, -6.0), 'crossing and quay': (-7.0, -16.0),
        'natural bare': (-15.0, -23.5), 'worked bare': (-11.0, -19.0),
    }
    for name, level in groups.items():
        table[list(leaves_of(name))] = level
    table[list(leaves_of('forest'))] = ((-10.5, -16.0), (-8.8, -13.8))
    table[LEAF_IDS['swimming pool']] = (-19.0, -27.0)
    table[LEAF_IDS['storage tank']] = (1.0, -9.0)
    for name, change in style.backscatter.items():
        rows = [LEAF_IDS[name]] if name in LEAF_IDS else leaves_of(name)
        table[list(rows), 0] += change
    return table + np.float32(style.radar_offset)


@dataclass
class Radar:
    """How the surfaces of a scene scatter.

    Args:
        bare, grown (ndarray): ``(S, 2)`` dB in VV and VH, bare and under full
            cover.
        spread (ndarray): ``(S, 1)`` dB by which each surface differs.
    """

    bare: np.ndarray
    grown: np.ndarray
    spread: np.ndarray

    def power(self, cover: np.ndarray, wet: float) -> np.ndarray:
        """Linear power ``(S, 2)`` at a cover ``(S, )`` and soil moisture."""
        cover = cover[:, None]
        level = self.bare * (1 - cover) + self.grown * cover + self.spread
        return 10**((level + wet * (1 - cover)) / 10)


def radar_of(scene: Scene, rng: np.random.Generator) -> Radar:
    """Look up a scene's backscatter; the spread is drawn."""
    leaf = scene.surfaces['leaf'].astype(np.intp)
    bare, grown = _backscatter(scene.plan.style)[leaf].transpose(1, 0, 2)
    spread = rng.normal(0, 1.0, (len(leaf), 1)).astype(np.float32)
    return Radar(bare, grown, spread)


def sentinel1(scene: Scene, mixture: np.ndarray) -> dict[str, np.ndarray]:
    """Dual-polarised series with multiplicative speckle.

    Args:
        scene (Scene): What to render.
        mixture (ndarray): Output of :func:`shares`.

    Returns:
        dict: Date -> ``(2, h, w)`` float32, VV and VH in dB.
    """
    rng = scene.rng(50)
    cells = scene.size // RATIO
    radar = radar_of(scene, rng)
    frames = {}
    for date, day in _dates(S1_DAYS, rng):
        power = mixture @ radar.power(scene.surfaces.cover(day),
                                      rng.normal(0, .8))
        power = power.T.reshape(2, cells, cells)
        frames[date] = speckled(power, rng, scene.plan.style.looks)
    return frames


def speckled(power: np.ndarray, rng: np.random.Generator,
             looks: float = 4.4) -> np.ndarray:
    """Linear power to dB with gamma speckle and a noise floor.

    """
    power = power * rng.gamma(looks, 1 / looks, power.shape) + 5e-4
    return (10 * np.log10(power)).astype(np.float32)
