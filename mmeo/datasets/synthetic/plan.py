# Copyright (c) mmeo contributors. All rights reserved.
"""The plan of a scene: everything that will be painted, as outlines.

A plan is composed once, in metres, in a local frame turned against the image
so that streets do not follow pixel rows. All modalities and both dates are
rendered from it.
"""

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from mmeo.datasets.synthetic.classes import LEAF_IDS
from mmeo.datasets.synthetic.geometry import Points, circle, rect
from mmeo.datasets.synthetic.styles import DEFAULT, Style
from mmeo.datasets.synthetic.surfaces import COLUMN, MATERIAL_IDS, PLANT_IDS

#: Bits of the two dates in ``when``.
FIRST, SECOND, BOTH = 1, 2, 3

# Painting order.
(GROUND, DETAIL, WATER, DECK, TREE, STRUCTURE, OBJECT) = range(7)

MOVABLE = ('plane', 'ship', 'small-vehicle', 'large-vehicle', 'helicopter')


@dataclass
class Shape:
    """An outline of one surface.

    Args:
        points (Points): Corners in metres, local frame.
        surface (int): Row of the surface table.
        layer (int): Painting order, low to high.
        thing (int): Index of the thing it belongs to, -1 for none.
        when (int): Bits of the dates on which a shape of no thing is there.
    """

    points: Points
    surface: int
    layer: int
    thing: int = -1
    when: int = BOTH


@dataclass
class Thing:
    """An instance that gets annotated.

    Args:
        name (str): One of ``INSTANCE_CLASSES``.
        outline (Points): Its polygon in metres, local frame.
        angle (float): Direction of its length in the local frame, radians.
        when (int): Bits of the dates on which it is there.
        colour (str): Colour word for texts, '' where none fits.
    """

    name: str
    outline: Points
    angle: float
    when: int = BOTH
    colour: str = ''


@dataclass
class Plan:
    """A scene under composition.

    Args:
        rng (Random): Source of all random choices. Python's generator is
            fast for single numbers and stable between versions.
        reach (float): Half the side in metres of the square to fill, which is
            larger than the image.
        theme (str): What kind of place it is.
        turn (float): Angle of the local frame in the image, radians.
        sun (float): Direction the light comes from on the first date, in the
            local frame, radians.
        bend (complex): Curvature of the local frame per metre, see
            :func:`bent`.
        view (complex): Centre of the image in the local frame.
        style (Style): Look of the surfaces.
    """

    rng: Random
    reach: float
    theme: str
    turn: float
    sun: float
    bend: complex = 0j
    view: complex = 0j
    style: Style = DEFAULT
    rows: array = field(default_factory=lambda: array('f'))
    shapes: list[Shape] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    keep_out: list[tuple[float, float, float]] = field(default_factory=list)
    shared: dict[tuple, tuple[int, ...]] = field(default_factory=dict)

    def surface(self, leaf: str, rgb: tuple[float, float, float],
                material: str = 'soil', plant: str = 'none',
                jitter: float = 0.06, **columns: float) -> int:
        """Add a surface.

        Args:
            leaf (str): Leaf class name.
            rgb (tuple[float]): Albedo of the base, 0 to 1.
            material (str): Continues the base into the infrared.
            plant (str): What grows on it. Defaults to nothing.
            jitter (float): Relative spread of the albedo.
            **columns: Other columns of the surface table, zero by default
                (``vigour`` defaults to 1).

        Returns:
            int: Row of the surface table.
        """
        gain = 1 + self.rng.uniform(-jitter, jitter)
        row = [0.0] * len(COLUMN)
        row[0] = LEAF_IDS[leaf]
        row[1:4] = [value * gain for value in rgb]
        if material in self.style.materials:
            row[1:4] = [value * factor for value, factor in zip(
                row[1:4], self.style.materials[material])]
        row[4] = MATERIAL_IDS[material]
        row[5] = PLANT_IDS[plant]
        row[6] = 1.0
        for name, value in columns.items():
            row[COLUMN[name]] = value
        row[6] *= self.style.vigour
        row[COLUMN['tint']] += self.style.tint
        return self._add(row)

    def shaded(self, surface: int, factor: float, **columns: float) -> int:
        """Copy a surface with its albedo scaled and columns replaced."""
        start = surface * len(COLUMN)
        row = self.rows[start:start + len(COLUMN)].tolist()
        row[1:4] = [value * factor for value in row[1:4]]
        for name, value in columns.items():
            row[COLUMN[name]] = value
        return self._add(row)

    def reuse(self, key: tuple, make: Callable[[], tuple[int, ...]]
              ) -> tuple[int, ...]:
        """Surfaces shared by like things: made once, then looked up."""
        if key not in self.shared:
            self.shared[key] = make()
        return self.shared[key]

    def _add(self, row: list[float]) -> int:
        self.rows.extend(row)
        return len(self.rows) // len(COLUMN) - 1

    def paint(self, points: Points, surface: int, layer: int,
              thing: int = -1, when: int = BOTH) -> None:
        """Add an outline."""
        self.shapes.append(Shape(points, surface, layer, thing, when))

    def add_thing(self, name: str, outline: Points, angle: float,
                  colour: str = '') -> int:
        """Add an annotated instance and return its index."""
        self.things.append(Thing(name, outline, angle, BOTH, colour))
        return len(self.things) - 1

    def is_free(self, x: float, y: float, radius: float) -> bool:
        """Whether a disc avoids all reserved places."""
        for cx, cy, r in self.keep_out:
            dx, dy, reach = x - cx, y - cy, radius + r
            if dx * dx + dy * dy <= reach * reach:
                return False
        return True

    def reserve(self, x: float, y: float, radius: float) -> None:
        """Keep later trees and objects out of a disc."""
        self.keep_out.append((x, y, radius))

    def reserve_rect(self, x: float, y: float, length: float, width: float,
                     angle: float) -> None:
        """The same for a rectangle, covered by discs."""
        count = max(1, round(2 * length / width))
        for i in range(count):
            along = ((i + .5) / count - .5) * length
            self.reserve(x + along * math.cos(angle),
                         y + along * math.sin(angle), width * .53)

    def bent(self, x: float, y: float) -> float:
        """How far the bend turns things at a place, radians.

        The map is ``z + bend * z²`` in the complex plane, counted from the
        centre of the image. It is conformal: streets curve, while right
        angles and the shapes of small things stay.
        """
        slope = 1 + 2 * self.bend * (complex(x, y) - self.view)
        return math.atan2(slope.imag, slope.real)

    def in_reach(self, x: float, y: float, margin: float = 0.0) -> bool:
        """Whether a point can be seen in the image, roughly."""
        return math.hypot(x, y) < self.reach * 1.05 + margin

    def light(self, normal: float) -> float:
        """Brightness of a slope that falls towards a direction."""
        return 1 + 0.28 * math.cos(normal - self.sun)


def strip(x1: float, y1: float, x2: float, y2: float,
          width: float) -> Points:
    """Rectangle of a given width along a line."""
    return rect((x1 + x2) / 2, (y1 + y2) / 2, math.hypot(x2 - x1, y2 - y1),
                width, math.atan2(y2 - y1, x2 - x1))


def tree(plan: Plan, x: float, y: float, radius: float, conifer: bool,
         leaf: str = 'single tree') -> None:
    """A single tree: a dark skirt and two lit layers towards the sun."""
    key = 'tree', leaf, conifer, int(radius * 1.5), plan.rng.randrange(5)
    layers = plan.reuse(key, lambda: _crown(plan, leaf, conifer, radius))
    dx, dy = math.cos(plan.sun), math.sin(plan.sun)
    for scale, surface in zip((1.0, .78, .45), layers):
        shift = radius * (1 - scale) * .6
        plan.paint(circle(x + dx * shift, y + dy * shift, radius * scale,
                          10), surface, TREE)


def _crown(plan: Plan, leaf: str, conifer: bool, radius: float
           ) -> tuple[int, ...]:
    rng = plan.rng
    skirt = plan.surface(
        leaf, (.054, .042, .03), plant='conifer' if conifer else 'broadleaf',
        tint=rng.uniform(-.7, .5), vigour=rng.uniform(.85, 1.0), fine=.16,
        medium=.16, canopy=-.45, height=radius, shift=rng.gauss(0, 6))
    return (skirt,
            plan.shaded(skirt, 1.67, canopy=.25, height=radius * 1.35),
            plan.shaded(skirt, 1.67, canopy=.65, height=radius * 1.6))
