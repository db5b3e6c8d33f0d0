# Copyright (c) mmeo contributors. All rights reserved.
"""A scene from close up in both sensors, for prompts by example.

The 10 m radar of the series shows no house. Here a scene is seen by a radar
of the optical image's order of resolution, so that examples and targets of
either sensor show the same things.
"""

import math

import cv2
import numpy as np

from mmeo.datasets.synthetic.classes import BUILDING_LEAVES, LEAF_IDS, LEAVES
from mmeo.datasets.synthetic.multispectral import radar_of, speckled
from mmeo.datasets.synthetic.optical import cast_shadow, flight
from mmeo.datasets.synthetic.plan import FIRST
from mmeo.datasets.synthetic.raster import Scene
from mmeo.datasets.synthetic.texture import SIDE, bank, window

FACTOR = 4  # HR pixels along a pixel
_INCIDENCE = math.radians(38)  # as the backscatter table has it
_SHADOW = .12  # what is left where the beam does not reach
# Much of a building's mean backscatter comes from the corner of wall and
# ground, whose brightness grows with the height of the wall.
_ROOF = .3
_CORNER = np.float32([[2.5], [.3]])  # VV, VH for each metre of wall
_SOLID = np.zeros(len(LEAVES) + 1, bool)
_SOLID[[*BUILDING_LEAVES, LEAF_IDS['storage tank']]] = True


def shrink(image: np.ndarray) -> np.ndarray:
    """Mean of each ``4 x 4`` pixels of ``(H, W)`` or ``(H, W, C)``."""
    height, width = image.shape[:2]
    return cv2.resize(image, (width // FACTOR, height // FACTOR),
                      interpolation=cv2.INTER_AREA)


def majority(leaves: np.ndarray) -> np.ndarray:
    """Commonest leaf of each ``4 x 4`` pixels; of two, the smaller id.

    Args:
        leaves (ndarray): ``(H, W)`` uint8.

    Returns:
        ndarray: ``(H / 4, W / 4)`` uint8.
    """
    side = len(leaves) // FACTOR
    row = np.arange(len(leaves)) // FACTOR
    cell = row[:, None] * side + row[None]
    count = len(LEAVES) + 1
    table = np.bincount((cell * count + leaves).ravel(),
                        minlength=side * side * count)
    return table.reshape(side, side, count).argmax(-1).astype(np.uint8)


def radar(scene: Scene) -> np.ndarray:
    """Radar image of the first date, near the day of the optical one.

    Surfaces scatter as in the Sentinel-1-like series. Walls that face the
    sensor, which looks east or west, shine; behind them lies shadow. There is
    no layover.

    Args:
        scene (Scene): What to render.

    Returns:
        ndarray: ``(2, size / 4, size / 4)`` float32, VV and VH in dB.
    """
    table = scene.surfaces
    ids = scene.ids[FIRST].astype(np.intp)
    # The series' own generator, so that both draw the same spread.
    scatter = radar_of(scene, scene.rng(50))
    rng = scene.rng(70)
    power = scatter.power(table.cover(flight(scene, FIRST).day),
                          rng.normal(0, .8)).astype(np.float32)
    solid = _SOLID[table['leaf'].astype(np.intp)]
    power[solid] *= _ROOF
    light, corner = _geometry(scene, ids, solid, rng)
    grain = _grain(scene, ids)
    light *= grain
    bands = [shrink(np.take(power[:, band].copy(), ids) * light)
             for band in range(2)]
    echo = np.stack(bands) + _CORNER[:, None] * shrink(corner)
    return speckled(echo, rng, scene.plan.style.looks)


def _geometry(scene: Scene, ids: np.ndarray, solid: np.ndarray,
              rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Share of the beam that arrives, and metres of wall, ``(H, W)`` each."""
    height = np.take(scene.surfaces['height'] * solid, ids)
    east = rng.random() < .5  # the sensor stands there
    shadow = cast_shadow(height, 0 if east else math.pi,
                         math.pi / 2 - _INCIDENCE)
    light = 1 - np.float32(1 - _SHADOW) * shadow
    wall = np.zeros_like(height)
    # The corner's echo lies on the ground in front of the wall.
    if east:
        wall[:, 1:] = height[:, :-1] - height[:, 1:]
    else:
        wall[:, :-1] = height[:, 1:] - height[:, :-1]
    wall[wall < 2] = 0
    return light, wall


def _grain(scene: Scene, ids: np.ndarray) -> np.ndarray:
    """Crowns and uneven ground as factors of the power, ``(H, W)``."""
    ground = scene.rng(30).integers(0, SIDE, 2)  # where the optical has them
    layers = {name: window(bank()[name], scene.size, *ground)
              for name in ('coarse', 'canopy')}
    table = scene.surfaces
    grain = 1 + np.take(table['coarse'], ids) * layers['coarse']
    if table['canopy'].any():
        grain += np.take(table['canopy'], ids) * (
            layers['canopy'] - np.float32(.52))
    return np.clip(grain, .2, 3, out=grain)


__all__ = ['FACTOR', 'majority', 'radar', 'shrink']
