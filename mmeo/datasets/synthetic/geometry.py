# Copyright (c) mmeo contributors. All rights reserved.
"""Plane geometry on small lists of points.

Points are ``(x, y)`` tuples. Python lists beat arrays here: an outline has a
handful of corners and a scene a thousand outlines.
"""

import math

Point = tuple[float, float]
Points = list[Point]


def rect(cx: float, cy: float, length: float, width: float,
         angle: float = 0.0) -> Points:
    """Corners of a rectangle whose length runs along ``angle`` (radians).

    The first edge is the left flank, so corners 1-2 are the front.
    """
    return place([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
                 cx, cy, length, width, angle)


def place(points: Points, cx: float, cy: float, length: float, width: float,
          angle: float) -> Points:
    """Scale a unit outline by length and width, turn it and move it."""
    cos, sin = math.cos(angle), math.sin(angle)
    return [(cx + x * length * cos - y * width * sin,
             cy + x * length * sin + y * width * cos) for x, y in points]


def unit_circle(corners: int) -> Points:
    """A circle of diameter 1 as a polygon."""
    step = 2 * math.pi / corners
    return [(0.5 * math.cos(i * step), 0.5 * math.sin(i * step))
            for i in range(corners)]


CIRCLES = {corners: unit_circle(corners) for corners in (10, 24)}


def circle(cx: float, cy: float, radius: float, corners: int = 24) -> Points:
    """Polygon approximation of a circle with 10 or 24 corners."""
    size = 2 * radius
    return [(cx + x * size, cy + y * size) for x, y in CIRCLES[corners]]


def area(points: Points) -> float:
    """Area of a simple polygon, never negative."""
    total = 0.0
    x0, y0 = points[-1]
    for x1, y1 in points:
        total += x0 * y1 - x1 * y0
        x0, y0 = x1, y1
    return abs(total) / 2


def bounds(points: Points) -> tuple[float, float, float, float]:
    """``(x1, y1, x2, y2)`` of a set of points."""
    xs = [x for x, _ in points]
    ys = [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _clip_half(points: Points, axis: int, limit: float,
               sign: float) -> Points:
    """Keep where ``sign * coordinate <= sign * limit``."""
    kept = []
    previous = points[-1]
    before = sign * (previous[axis] - limit) <= 0
    for point in points:
        inside = sign * (point[axis] - limit) <= 0
        if inside != before:
            t = (limit - previous[axis]) / (point[axis] - previous[axis])
            cut = [previous[i] + t * (point[i] - previous[i])
                   for i in (0, 1)]
            cut[axis] = limit
            kept.append((cut[0], cut[1]))
        if inside:
            kept.append(point)
        previous, before = point, inside
    return kept


def clip_to_square(points: Points, size: float) -> Points:
    """Part of a polygon inside ``[0, size]²`` (Sutherland-Hodgman, 1974)."""
    x1, y1, x2, y2 = bounds(points)
    if x1 >= 0 and y1 >= 0 and x2 <= size and y2 <= size:
        return points
    for axis in (0, 1):
        for limit, sign in ((0.0, -1.0), (float(size), 1.0)):
            if points:
                points = _clip_half(points, axis, limit, sign)
    return points


def box_around(points: Points, angle: float) -> Points:
    """Tightest rectangle at a given angle that holds all points."""
    cos, sin = math.cos(angle), math.sin(angle)
    turned = [(x * cos + y * sin, -x * sin + y * cos) for x, y in points]
    u1, v1, u2, v2 = bounds(turned)
    return [(u * cos - v * sin, u * sin + v * cos)
            for u, v in ((u1, v1), (u2, v1), (u2, v2), (u1, v2))]
