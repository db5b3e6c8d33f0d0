# Copyright (c) mmeo contributors. All rights reserved.
"""Which oriented boxes a patch keeps, and how it writes those it cuts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely

from mmeo.datasets.dota_text import DotaObject

#: Difficulty of an object of which a patch shows a part only.
CUT_DIFFICULTY = 2


def scale_objects(objects: Sequence[DotaObject], scale_x: float,
                  scale_y: float) -> list[DotaObject]:
    """Objects as they lie in the resized image."""
    factors = (scale_x, scale_y) * 4
    return [replace(item, corners=tuple(
        v * f for v, f in zip(item.corners, factors))) for item in objects]


def polygons(objects: Sequence[DotaObject]) -> np.ndarray:
    """One shapely polygon an object, ``(N,)``.

    Hulls: some corners in DOTA are in an order that crosses itself.
    """
    corners = np.array([item.corners for item in objects], float)
    return shapely.convex_hull(
        shapely.multipoints(corners.reshape(-1, 4, 2)))


def shown_share(shapes: np.ndarray, x: float, y: float,
                size: float) -> np.ndarray:
    """Share of each object that lies in a square window, 0 to 1 ``(N,)``.

    An object without area counts as shown if it touches the window.
    """
    window = shapely.box(x, y, x + size, y + size)
    area = shapely.area(shapes)
    part = shapely.area(shapely.intersection(shapes, window))
    touched = shapely.intersects(shapes, window).astype(float)
    return np.divide(part, area, out=touched, where=area > 0)


def crop_objects(objects: Sequence[DotaObject], shapes: np.ndarray, x: int,
                 y: int, size: int, iof_thr: float, cut: str
                 ) -> tuple[list[DotaObject], np.ndarray, Counter]:
    """Objects of one window, in its pixels.

    The rule of DOTA's own tools: an object of which at least ``iof_thr`` is
    in the window stays whole, even over the border, with its difficulty; a
    smaller part is left out (``cut='drop'``) or written as the smallest
    rectangle around the visible part, with difficulty 2 (``'difficult'``).

    Args:
        objects: Those of the image.
        shapes: Their polygons ``(N,)``.
        x: Left of the window in pixels.
        y: Top of the window in pixels.
        size: Side of the window.
        iof_thr: Intersection over the object's area, 0 to 1.
        cut: ``'drop'`` or ``'difficult'``.

    Returns:
        The objects, which of the image's are kept whole ``(N,)`` bool, and
        counts by fate.
    """
    share = (shown_share(shapes, x, y, size) if len(objects)
             else np.zeros(0))
    # Rounding of the intersection must not turn a whole object into a part.
    whole = share >= iof_thr - 1e-9
    kept, fate = [], Counter()
    for i in np.flatnonzero(share > 0):
        if whole[i]:
            corners = objects[i].corners
            difficulty = objects[i].difficulty
            fate['whole'] += 1
        elif cut == 'difficult':
            corners = _visible_rectangle(shapes[i], x, y, size)
            difficulty = CUT_DIFFICULTY
            fate['cut'] += 1
        else:
            fate['dropped'] += 1
            continue
        kept.append(replace(objects[i], difficulty=difficulty, corners=tuple(
            v - o for v, o in zip(corners, (x, y) * 4))))
    return kept, whole, fate


def _visible_rectangle(shape: shapely.Geometry, x: int, y: int,
                       size: int) -> tuple[float, ...]:
    part = shapely.intersection(shape, shapely.box(x, y, x + size, y + size))
    rectangle = shapely.oriented_envelope(part)
    corners = shapely.get_coordinates(rectangle)
    # A part that is a line has an envelope of two points.
    corners = np.resize(corners[:4], (4, 2))
    return tuple(float(v) for v in corners.ravel())
