# Copyright (c) mmeo contributors. All rights reserved.
"""From a plan to a map of surface numbers, from which all else is looked up.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mmeo.datasets.synthetic.classes import BUILDING_LEAVES
from mmeo.datasets.synthetic.geometry import (Points, area, bounds,
                                              clip_to_square)
from mmeo.datasets.synthetic.plan import FIRST, MOVABLE, SECOND, Plan
from mmeo.datasets.synthetic.scenes import GSD, compose
from mmeo.datasets.synthetic.surfaces import SurfaceTable

_SHIFT = 4  # fillPoly's fixed-point bits


@dataclass
class Scene:
    """A composed scene and its maps.

    Args:
        seed (int): Seed of the data set.
        index (int): Number of the scene.
        size (int): Image side in pixels.
        plan (Plan): Outlines in metres.
        surfaces (SurfaceTable): What the surface numbers mean.
        ids (dict[int, ndarray]): Date bit -> ``(size, size)`` uint16 surface
            numbers.
        outlines (list[Points]): Outline of every thing in pixels, whole.
        visible (list[Points]): The part inside the image, maybe empty.
        share (list[float]): Visible share of the area, 0 to 1.
    """

    seed: int
    index: int
    size: int
    plan: Plan
    surfaces: SurfaceTable
    ids: dict[int, np.ndarray]
    outlines: list[Points]
    visible: list[Points]
    share: list[float]

    def leaves(self, when: int) -> np.ndarray:
        """Leaf class ids on a date, ``(size, size)`` uint8."""
        return self.surfaces['leaf'].astype(np.uint8)[self.ids[when]]

    def buildings(self, when: int) -> np.ndarray:
        """Building mask on a date, ``(size, size)`` bool."""
        return np.isin(self.surfaces['leaf'].astype(np.uint8),
                       BUILDING_LEAVES)[self.ids[when]]

    def rng(self, purpose: int) -> np.random.Generator:
        """A generator of its own for each use, so uses stay independent."""
        return np.random.default_rng([self.seed, self.index, self.size,
                                      purpose])


def to_pixels(points: np.ndarray, plan: Plan, size: int) -> np.ndarray:
    """Local metres to image pixels, ``(N, 2)``; corners, not centres."""
    cos, sin = math.cos(plan.turn), math.sin(plan.turn)
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    return turned / GSD + size / 2


def build_scene(seed: int, index: int, size: int) -> Scene:
    """Compose a scene and rasterise both dates.

    Args:
        seed (int): Seed of the data set.
        index (int): Number of the scene.
        size (int): Image side in pixels, a multiple of 32.

    Returns:
        Scene: The same for the same arguments.
    """
    plan = compose(seed, index, size)
    outlines = _things_in_pixels(plan, size)
    visible, share = [], []
    for thing, outline in zip(plan.things, outlines):
        inside = clip_to_square(outline, size)
        part = area(inside) / area(outline) if len(inside) > 2 else 0.0
        # No movable thing is left half-seen and unlabelled.
        if thing.name in MOVABLE and part < .35:
            thing.when, inside, part = 0, [], 0.0
        visible.append(inside if part else [])
        share.append(part)
    ids = {when: _paint(plan, size, when) for when in (FIRST, SECOND)}
    return Scene(seed, index, size, plan, SurfaceTable(plan.rows), ids,
                 outlines, visible, share)


def _things_in_pixels(plan: Plan, size: int) -> list[Points]:
    counts = [len(thing.outline) for thing in plan.things]
    if not counts:
        return []
    points = np.array([p for thing in plan.things for p in thing.outline])
    points = to_pixels(points, plan, size).tolist()
    outlines, start = [], 0
    for count in counts:
        outlines.append([(x, y) for x, y in points[start:start + count]])
        start += count
    return outlines


def _paint(plan: Plan, size: int, when: int) -> np.ndarray:
    """Fill all outlines that are there on a date, lowest layer first."""
    # Ground that no outline covers lies outside every place's own layout.
    ids = np.zeros((size, size), np.uint16)
    shapes = [s for s in plan.shapes
              if (s.when if s.thing < 0 else plan.things[s.thing].when)
              & when]
    shapes.sort(key=lambda s: s.layer)
    flat = np.array([p for s in shapes for p in s.points])
    flat = to_pixels(flat, plan, size)
    # fillPoly puts pixel centres on integers; ours lie at one half.
    fixed = np.rint((flat - .5) * (1 << _SHIFT)).astype(np.int32)
    start = 0
    for shape in shapes:
        stop = start + len(shape.points)
        cv2.fillPoly(ids, [fixed[start:stop]], shape.surface, shift=_SHIFT)
        start = stop
    return ids


__all__ = ['Scene', 'bounds', 'build_scene', 'to_pixels']
