# Copyright (c) mmeo contributors. All rights reserved.
"""Places with a layout of their own: airport, harbour and river."""

import math

from mmeo.datasets.synthetic import buildings, facilities, objects
from mmeo.datasets.synthetic.geometry import circle
from mmeo.datasets.synthetic.landuse import (
    ASPHALT,
    lawn,
    parking,
    scatter_trees,
)
from mmeo.datasets.synthetic.layout import Block
from mmeo.datasets.synthetic.plan import (
    DECK,
    DETAIL,
    GROUND,
    WATER,
    Plan,
    strip,
    tree,
)


def airport(plan: Plan, area: Block) -> None:
    """Apron with parked aircraft between hangars and a runway."""
    rng = plan.rng
    plan.paint(area.corners(), lawn(plan, 'meadow'), GROUND)
    length = rng.uniform(17, 24) if plan.reach < 95 else rng.uniform(20, 34)
    step = length * 1.18
    depth = length * 1.35
    centre = rng.uniform(-.15, .15) * plan.reach
    y1, y2 = centre - depth / 2, centre + depth / 2
    wave = 2 * math.pi / 5.0
    concrete = plan.surface('apron', (.33, .325, .31), 'concrete',
                            jitter=.12, fine=.04, medium=.04, coarse=.08)
    plan.paint([(area.x1, y1 - 4), (area.x2, y1 - 4), (area.x2, y2),
                (area.x1, y2)], concrete, GROUND)
    joint = plan.shaded(concrete, .8)
    for i in range(int(area.width / 5)):
        x = area.x1 + 5 * i
        plan.paint(strip(x, y1 - 4, x, y2, .22), joint, DETAIL)
    for i in range(int((y2 - y1) / 5) + 1):
        plan.paint(strip(area.x1, y1 + 5 * i, area.x2, y1 + 5 * i, .22),
                   joint, DETAIL)
    taxi = plan.surface('runway', (.14, .14, .145), 'asphalt', jitter=.15,
                        fine=.05, coarse=.08, row_amp=.02, row_y=wave)
    yellow = plan.surface('runway', (.45, .34, .05), 'concrete')
    white = plan.surface('runway', (.5, .5, .48), 'concrete')
    plan.paint([(area.x1, y2), (area.x2, y2), (area.x2, y2 + 13),
                (area.x1, y2 + 13)], taxi, GROUND)
    plan.paint(strip(area.x1, y2 + 6.5, area.x2, y2 + 6.5, .35), yellow,
               DETAIL)
    runway = y2 + 30
    plan.paint([(area.x1, runway), (area.x2, runway),
                (area.x2, runway + 32), (area.x1, runway + 32)],
               plan.shaded(taxi, .85), GROUND)
    plan.paint(strip(area.x1, runway + 1.2, area.x2, runway + 1.2, .8),
               white, DETAIL)
    for i in range(int(area.width / 18)):
        x = area.x1 + 18 * i
        plan.paint(strip(x, runway + 16, x + 10, runway + 16, .8), white,
                   DETAIL)
    heading = math.pi / 2 * rng.choice((1, -1))
    count = int(area.width / step)
    pad = rng.randrange(count) if rng.random() < .6 else -1
    for i in range(count):
        x = area.x1 + (i + .5) * step
        y = centre + rng.gauss(0, .8)
        plan.paint(strip(x, y, x, y2 + 6.5, .3), yellow, DETAIL)
        if i == pad:
            for radius, surface in ((8, white), (7.4, taxi)):
                plan.paint(circle(x, y, radius), surface, DETAIL)
            objects.helicopter(plan, x, y, rng.uniform(0, 2 * math.pi))
        elif rng.random() < .82:
            objects.plane(plan, x, y, heading + rng.gauss(0, .06),
                          length * rng.uniform(.85, 1.05))
            for _ in range(rng.randint(0, 2)):
                objects.small_vehicle(
                    plan, x + step * rng.choice((-.5, .5)),
                    y + rng.uniform(-.4, .4) * depth, math.pi / 2)
        else:
            objects.large_vehicle(plan, x, y, rng.uniform(0, 6.28), 9)
    _terminal(plan, area, y1 - 4)


def _terminal(plan: Plan, area: Block, edge: float) -> None:
    """Hangars and car parks along the landside edge of an apron."""
    rng = plan.rng
    x = area.x1
    while x < area.x2 - 12:
        length = rng.uniform(20, 34)
        if rng.random() < .68:
            deep = rng.uniform(16, 24)
            place = x + length / 2, edge - deep / 2 - 1
            if plan.in_reach(*place, 15):
                buildings.flat(plan, *place, length - 3, deep, 0.0,
                               'hangar', rng.uniform(9, 14))
                plan.reserve(*place, deep * .6)
        else:
            parking(plan, Block(x + 1, edge - 20, x + length - 1, edge - 2))
            plan.reserve(x + length / 2, edge - 11, 11)
        x += length
    road = plan.surface('asphalt road', ASPHALT, 'asphalt', fine=.06,
                        coarse=.08)
    plan.paint(strip(area.x1, edge - 31, area.x2, edge - 31, 7), road,
               GROUND)
    if area.y1 < edge - 36:
        scatter_trees(plan, Block(area.x1, area.y1, area.x2, edge - 36), .5)


def harbour(plan: Plan, shore: float, area: Block) -> None:
    """Sea beyond ``y = shore`` with quay, jetties and ships."""
    rng = plan.rng
    sea = plan.surface('harbour water', rng.choice(
        [(.022, .042, .050), (.030, .055, .055), (.015, .030, .045)]),
        'water', jitter=.2, fine=.06, ripple=.14, coarse=.10)
    plan.paint([(area.x1, shore), (area.x2, shore), (area.x2, area.y2),
                (area.x1, area.y2)], sea, WATER)
    quay = plan.surface('quay', (.30, .29, .26), 'concrete', jitter=.15,
                        height=3, fine=.06, medium=.05, coarse=.10)
    plan.paint([(area.x1, shore - 9), (area.x2, shore - 9),
                (area.x2, shore + 1), (area.x1, shore + 1)], quay, DECK)
    edge = plan.shaded(quay, 1.35)
    plan.paint(strip(area.x1, shore + .7, area.x2, shore + .7, .6), edge,
               DECK)
    x = area.x1 + rng.uniform(0, 8)
    while x < area.x2 - 4:
        if rng.random() < .35 and plan.reach > 50:
            length = rng.uniform(34, min(70, plan.reach))
            place = x + length / 2, shore + 1.6 + length * .085
            objects.ship(plan, *place, rng.choice((0.0, math.pi)), length)
            x += length + 8
            continue
        x += _marina(plan, x, shore)
    y = shore + 62
    while y < area.y2 - 8:
        for _ in range(rng.randint(0, 2)):
            place = rng.uniform(area.x1, area.x2), y
            if plan.in_reach(*place, -5):
                small = rng.random() < .7
                objects.ship(plan, *place, rng.uniform(0, 6.28),
                             rng.uniform(8, 15) if small else
                             rng.uniform(30, 55), moving=True)
        y += 26
    x = area.x1
    while x < area.x2:
        if plan.in_reach(x, shore - 5) and rng.random() < .22:
            size = rng.uniform(8, 13)
            buildings.flat(plan, x, shore - 5.5, size, 5.5, 0.0,
                           'commercial building', 5)
        elif plan.in_reach(x, shore - 5) and rng.random() < .4:
            if rng.random() < .6:
                objects.small_vehicle(plan, x, shore - 5,
                                      rng.choice((0.0, math.pi)))
            else:
                objects.large_vehicle(plan, x, shore - 5,
                                      rng.choice((0.0, math.pi)))
        x += 16


def _marina(plan: Plan, x: float, shore: float) -> float:
    """A jetty with boats on both sides; returns the width it takes."""
    rng = plan.rng
    length = rng.uniform(22, 44)
    boat = rng.uniform(7, 12)
    width = 2.6
    centre = x + boat + 2 + width / 2
    if plan.in_reach(centre, shore + length / 2, length / 2):
        facilities.pier(plan, centre, shore + length / 2, math.pi / 2,
                        length, width)
        y = shore + 4
        while y < shore + length - 2:
            for side in (1, -1):
                size = boat * rng.uniform(.8, 1.1)
                place = centre + side * (width / 2 + size / 2 + .4), y
                if rng.random() < .78:
                    objects.ship(plan, *place,
                                 0.0 if rng.random() < .5 else math.pi,
                                 size)
            y += boat * .34 + 1.6
    return 2 * boat + 8


def river(plan: Plan, area: Block, width: float, crossings: list[float],
          road: float) -> None:
    """A meandering river along x in the middle of a corridor.

    Args:
        plan (Plan): Scene under composition.
        area (Block): The corridor between the streets on either bank.
        width (float): Width of the water, metres.
        crossings (list[float]): Where streets cross, x in metres.
        road (float): Width of those streets, metres.
    """
    rng = plan.rng
    plan.paint(area.corners(), lawn(plan, 'meadow'), GROUND)
    middle = area.centre[1]
    swing = max(0.0, (area.height - width) / 2 - 4)
    waves = [(swing * a, 2 * math.pi / rng.uniform(*span),
              rng.uniform(0, 6.28))
             for a, span in ((.65, (90, 140)), (.3, (40, 60)))]

    def axis(x: float) -> float:
        return middle + sum(a * math.sin(k * x + p) for a, k, p in waves)

    xs = [area.x1 + i * area.width / 60 for i in range(61)]
    jags = [rng.uniform(-.8, .8) for _ in range(122)]

    def band(grow: float) -> list[tuple[float, float]]:
        half = width / 2 + grow
        top = [(x, axis(x) - half + j) for x, j in zip(xs, jags)]
        low = [(x, axis(x) + half + j) for x, j in zip(xs, jags[61:])]
        return top + low[::-1]

    bank = plan.surface('shrub', (.19, .16, .11), plant='shrub', fine=.13,
                        medium=.2, coarse=.1)
    beach = plan.surface('sand', (.27, .23, .17), fine=.08, medium=.08)
    water = plan.surface('river', rng.choice(
        [(.035, .050, .045), (.055, .065, .045), (.025, .040, .042)]),
        'water', jitter=.2, fine=.05, ripple=.11, coarse=.12)
    for grow, surface in ((4.0, bank), (1.3, beach), (0.0, water)):
        plan.paint(band(grow), surface, WATER)
    for x in xs:
        plan.reserve(x, axis(x), width / 2 + 2.5)
    for _ in range(rng.randint(1, 3)):
        x = rng.uniform(area.x1, area.x2)
        slope = math.atan2(axis(x + 1) - axis(x - 1), 2)
        if all(abs(x - c) > 16 for c in crossings) and width > 9:
            objects.ship(plan, x, axis(x), slope, rng.uniform(7, 13))
    asphalt = plan.surface('asphalt road', ASPHALT, 'asphalt', fine=.06,
                           coarse=.07)
    for x in crossings:
        plan.paint(strip(x, area.y1 - 1, x, area.y2 + 1, road), asphalt,
                   DETAIL)
        facilities.bridge(plan, x, axis(x), math.pi / 2,
                          width + 9, road + 1.6)
        for y in (area.y1, area.y2):
            plan.reserve(x, y, road / 2 + 1)
            plan.reserve(x, (y + axis(x)) / 2, road / 2 + 2)
    for _ in range(int(area.width / 5)):
        x = rng.uniform(area.x1, area.x2)
        y = axis(x) + rng.choice((1, -1)) * (width / 2 + rng.uniform(4, 9))
        if plan.in_reach(x, y) and plan.is_free(x, y, 1.5) and \
                area.y1 + 2 < y < area.y2 - 2:
            tree(plan, x, y, rng.uniform(1.6, 3.6), False)


