# Copyright (c) mmeo contributors. All rights reserved.
"""Annotated instances of the first date, in pixels."""

import math
from dataclasses import dataclass

from mmeo.datasets.synthetic.geometry import Points, area, bounds, box_around
from mmeo.datasets.synthetic.plan import FIRST
from mmeo.datasets.synthetic.raster import Scene

#: Things of which less is seen are marked difficult.
DIFFICULT_BELOW = .5
_MIN_SIDE = 4.0  # pixels; slivers at the border are not annotated
_ROUND = ('storage-tank', 'roundabout')


@dataclass
class Instance:
    """One annotated object.

    Args:
        name (str): One of ``INSTANCE_CLASSES``.
        polygon (Points): Visible outline, pixels.
        box (tuple[float]): ``x1, y1, x2, y2`` of the polygon.
        quad (Points): Oriented box around the visible outline: four corners
            from the front left on, moved into the image where it cuts them.
        difficult (int): 1 where less than half is visible.
        colour (str): Colour word, maybe ''.
        thing (int): Index of the thing in the plan.
    """

    name: str
    polygon: Points
    box: tuple[float, float, float, float]
    quad: Points
    difficult: int
    colour: str
    thing: int

    @property
    def area(self) -> float:
        return area(self.polygon)


def _round(points: Points) -> Points:
    return [(round(x, 1), round(y, 1)) for x, y in points]


def annotate(scene: Scene, when: int = FIRST) -> list[Instance]:
    """Instances that are there on a date and large enough to see."""
    found = []
    limit = float(scene.size)
    for index, thing in enumerate(scene.plan.things):
        polygon = scene.visible[index]
        if not thing.when & when or len(polygon) < 3:
            continue
        polygon = _round(polygon)
        box = bounds(polygon)
        if min(box[2] - box[0], box[3] - box[1]) < _MIN_SIDE:
            continue
        angle = 0.0 if thing.name in _ROUND else scene.angle(index)
        quad = box_around(polygon, angle % (2 * math.pi))
        if scene.share[index] < .999:
            quad = [(min(max(x, 0.0), limit), min(max(y, 0.0), limit))
                    for x, y in quad]
        if area(quad) < _MIN_SIDE**2:
            continue
        found.append(Instance(
            thing.name, polygon, box, _round(quad),
            int(scene.share[index] < DIFFICULT_BELOW), thing.colour, index))
    return found
