# Copyright (c) mmeo contributors. All rights reserved.
"""From a plan to a map of surface numbers, from which all else is looked up.
"""

import math
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np

from mmeo.datasets.synthetic.changes import assign_dates
from mmeo.datasets.synthetic.classes import BUILDING_LEAVES
from mmeo.datasets.synthetic.geometry import Points, area, clip_to_square
from mmeo.datasets.synthetic.plan import FIRST, MOVABLE, SECOND, Plan
from mmeo.datasets.synthetic.scenes import GSD, compose
from mmeo.datasets.synthetic.styles import DEFAULT, Style
from mmeo.datasets.synthetic.surfaces import SurfaceTable

_SHIFT = 4  # fillPoly's fixed-point bits
_EDGE = 12.0  # metres; longer edges are cut so that they can bend


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
        visible (list[Points]): The part of every thing's outline inside the
            image, in pixels, maybe empty.
        share (list[float]): Visible share of the area, 0 to 1.
    """

    seed: int
    index: int
    size: int
    plan: Plan
    surfaces: SurfaceTable
    ids: dict[int, np.ndarray]
    visible: list[Points]
    share: list[float]

    def leaves(self, when: int) -> np.ndarray:
        """Leaf class ids on a date, ``(size, size)`` uint8."""
        return self.surfaces['leaf'].astype(np.uint8)[self.ids[when]]

    def buildings(self, when: int) -> np.ndarray:
        """Building mask on a date, ``(size, size)`` bool."""
        return np.isin(self.surfaces['leaf'].astype(np.uint8),
                       BUILDING_LEAVES)[self.ids[when]]

    def angle(self, thing: int) -> float:
        """Direction of a thing's length in the image, radians."""
        plan, item = self.plan, self.plan.things[thing]
        x, y = item.outline[0]
        for px, py in item.outline[1:]:
            x, y = x + px, y + py
        count = len(item.outline)
        return item.angle + plan.turn + plan.bent(x / count, y / count)

    def rng(self, purpose: int) -> np.random.Generator:
        """A generator of its own for each use, so uses stay independent."""
        return np.random.default_rng([self.seed, self.index, self.size,
                                      purpose])


def to_pixels(points: np.ndarray, plan: Plan, size: int) -> np.ndarray:
    """Local metres to image pixels, ``(N, 2)``; corners, not centres."""
    flat = points[:, 0] + 1j * points[:, 1] - plan.view
    flat = flat + plan.bend * flat**2
    flat = flat * complex(math.cos(plan.turn), math.sin(plan.turn))
    return np.stack([flat.real, flat.imag], 1) / GSD + size / 2


def to_metres(x: np.ndarray, y: np.ndarray, plan: Plan, size: int
              ) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres to local metres, by the series inverse of the bend."""
    place = (x + np.float32(.5 - size / 2)).astype(np.complex64)
    place += 1j * (y + np.float32(.5 - size / 2))
    place *= np.complex64(GSD * complex(math.cos(plan.turn),
                                        -math.sin(plan.turn)))
    bent = np.complex64(plan.bend) * place
    place = place * (1 - bent + 2 * bent**2) + np.complex64(plan.view)
    return place.real, place.imag


def build_scene(seed: int, index: int, size: int,
                style: Style = DEFAULT) -> Scene:
    """Compose a scene and rasterise both dates.

    Args:
        seed (int): Seed of the data set.
        index (int): Number of the scene.
        size (int): Image side in pixels, a multiple of 32.
        style (Style): Look of the scene; outlines do not depend on it.

    Returns:
        Scene: The same for the same arguments.
    """
    plan = compose(seed, index, size, style)
    points, ends = _in_pixels([t.outline for t in plan.things], plan, size)
    points = list(map(tuple, points.tolist()))
    outlines = [points[a:b] for a, b in zip([0, *ends], ends)]
    visible = [clip_to_square(outline, size) for outline in outlines]
    share = [area(inside) / area(outline) if len(inside) > 2 else 0.0
             for inside, outline in zip(visible, outlines)]
    assign_dates(plan, share)
    walls = _walls(plan, visible, size)
    for thing, part, inside in zip(plan.things, share, visible):
        # No movable thing is left half-seen and unlabelled, nor on a roof,
        # where it would count as a change of the building layer.
        if thing.name in MOVABLE and (part < .35 or _touches(walls, inside)):
            thing.when = 0
    return Scene(seed, index, size, plan, SurfaceTable(plan.rows),
                 _paint(plan, size), visible, share)


def _walls(plan: Plan, visible: list[Points], size: int) -> np.ndarray:
    """Where a building stands on any date, with a margin."""
    walls = np.zeros((size, size), np.uint8)
    for thing, outline in zip(plan.things, visible):
        if thing.name == 'building' and outline:
            cv2.fillPoly(walls, [np.int32(np.rint(outline))], 1)
    return cv2.dilate(walls, np.ones((5, 5), np.uint8))


def _touches(walls: np.ndarray, outline: Points) -> bool:
    """Whether a corner or the middle of an outline lies in a mask."""
    last = len(walls) - 1
    xs, ys = zip(*outline)
    middle = sum(xs) / len(xs), sum(ys) / len(ys)
    return any(walls[min(int(y), last), min(int(x), last)]
               for x, y in (*outline, middle))


def _in_pixels(outlines: list[Points], plan: Plan, size: int
               ) -> tuple[np.ndarray, list[int]]:
    """Points ``(N, 2)`` of all outlines in pixels and where each one ends.

    Long edges get more corners, so that they can bend.
    """
    if not outlines:
        return np.zeros((0, 2)), []
    counts = np.array([len(outline) for outline in outlines])
    start = np.fromiter(chain.from_iterable(chain.from_iterable(outlines)),
                        float).reshape(-1, 2)
    first = np.cumsum(counts) - counts
    follower = np.arange(1, len(start) + 1)
    follower[first + counts - 1] = first
    step = start[follower] - start
    parts = np.maximum(1, np.ceil(np.hypot(*step.T) / _EDGE).astype(int))
    owner = np.repeat(np.arange(len(start)), parts)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
    points = start[owner] + step[owner] * (rank / parts[owner])[:, None]
    ends = np.cumsum(np.add.reduceat(parts, first))
    return to_pixels(points, plan, size), ends.tolist()


def _paint(plan: Plan, size: int) -> dict[int, np.ndarray]:
    """Fill all outlines of either date, lowest layer first."""
    shapes = sorted(plan.shapes, key=lambda s: s.layer)
    points, ends = _in_pixels([s.points for s in shapes], plan, size)
    # fillPoly puts pixel centres on integers; ours lie at one half.
    points = np.rint((points - .5) * (1 << _SHIFT)).astype(np.int32)
    maps = {when: np.zeros((size, size), np.uint16)
            for when in (FIRST, SECOND)}
    start = 0
    for shape, end in zip(shapes, ends):
        dates = shape.when if shape.thing < 0 \
            else plan.things[shape.thing].when
        outline = [points[start:end]]
        start = end
        for when, ids in maps.items():
            if dates & when:
                cv2.fillPoly(ids, outline, shape.surface, shift=_SHIFT)
    return maps
