# Copyright (c) mmeo contributors. All rights reserved.
"""Streets and blocks by recursive splitting of a rectangle."""

from dataclasses import dataclass
from random import Random

from mmeo.datasets.synthetic.plan import DETAIL, GROUND, Plan, strip


@dataclass
class Block:
    """A rectangle of land between streets, in metres, local frame."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def corners(self) -> list[tuple[float, float]]:
        return [(self.x1, self.y1), (self.x2, self.y1), (self.x2, self.y2),
                (self.x1, self.y2)]

    def inset(self, margin: float) -> 'Block':
        """The block without a rim; never turned inside out."""
        dx = min(margin, self.width / 2 - .1)
        dy = min(margin, self.height / 2 - .1)
        return Block(self.x1 + dx, self.y1 + dy, self.x2 - dx, self.y2 - dy)

    def cut(self, at: float, axis: int, gap: float = 0.0
            ) -> tuple['Block', 'Block']:
        """Two blocks on either side of a line across an axis."""
        if axis == 0:
            return (Block(self.x1, self.y1, at - gap / 2, self.y2),
                    Block(at + gap / 2, self.y1, self.x2, self.y2))
        return (Block(self.x1, self.y1, self.x2, at - gap / 2),
                Block(self.x1, at + gap / 2, self.x2, self.y2))


@dataclass
class Street:
    """A straight street; ``axis`` is the coordinate that stays constant."""

    axis: int
    at: float
    start: float
    end: float
    width: float

    def point(self, along: float, aside: float = 0.0
              ) -> tuple[float, float]:
        """Local coordinates of a place on the street."""
        if self.axis == 0:
            return self.at + aside, along
        return along, self.at + aside


def split(rng: Random, block: Block, side: tuple[float, float],
          width: float, first: tuple[int, float] | None = None
          ) -> tuple[list[Block], list[Street]]:
    """Split a rectangle into blocks with streets between them.

    Args:
        rng (Random): Random source.
        block (Block): What to split.
        side (tuple[float]): Block sides aimed at along x and y, metres.
        width (float): Width of the first street; later ones are narrower.
        first (tuple[int, float], optional): Axis and place of the first
            split. Defaults to None, the longer side near its middle.

    Returns:
        tuple: Blocks and streets.
    """
    blocks, streets = [], []
    pending = [(block, width, first)]
    while pending:
        part, wide, forced = pending.pop()
        excess = (part.width / side[0], part.height / side[1])
        if forced is None and max(excess) < 1.55:
            blocks.append(part)
            continue
        if forced is not None:
            axis, at = forced
        else:
            axis = 0 if excess[0] > excess[1] else 1
            low, high = ((part.x1, part.x2), (part.y1, part.y2))[axis]
            at = low + (high - low) * rng.uniform(.38, .62)
        start, end = ((part.y1, part.y2), (part.x1, part.x2))[axis]
        streets.append(Street(axis, at, start, end, wide))
        for half in part.cut(at, axis, wide):
            pending.append((half, max(wide * .82, 4.5), None))
    return blocks, streets


def pave(plan: Plan, streets: list[Street], asphalt: int,
         marked: bool = True) -> None:
    """Paint streets with centre lines.

    Args:
        plan (Plan): Scene under composition.
        streets (list[Street]): What to paint, main streets first.
        asphalt (int): Surface.
        marked (bool): Whether they have white lines. Defaults to True.
    """
    white = plan.surface('asphalt road', (.42, .42, .40), 'concrete')
    for street in streets:
        a, b = street.point(street.start), street.point(street.end)
        plan.paint(strip(*a, *b, street.width), asphalt, GROUND)
    for street in streets:
        if not marked or street.width < 5.5:
            continue
        lines = [(0.0, 3.0, .28)]
        if street.width > 8.5:
            lines += [(street.width / 2 - .5, 7.5, .22),
                      (.5 - street.width / 2, 7.5, .22)]
        along = street.start + 2
        while along < street.end - 3:
            for aside, length, width in lines:
                a = street.point(along, aside)
                b = street.point(along + length, aside)
                if plan.in_reach(*a) and plan.is_free(*a, 1) and \
                        plan.is_free(*b, 1):
                    plan.paint(strip(*a, *b, width), white, DETAIL)
            along += 7.5
