# Copyright (c) mmeo contributors. All rights reserved.
"""Filling of town blocks: homes, shops, works, parking and leisure."""

import math

from mmeo.datasets.synthetic import buildings, facilities, objects
from mmeo.datasets.synthetic.geometry import rect
from mmeo.datasets.synthetic.layout import Block
from mmeo.datasets.synthetic.plan import DETAIL, GROUND, Plan, strip, tree

ASPHALT = (.125, .125, .13)


def lawn(plan: Plan, leaf: str = 'lawn') -> int:
    rng = plan.rng
    return plan.surface(
        leaf, (.17, .13, .09), plant='meadow' if leaf == 'meadow' else 'lawn',
        vigour=rng.uniform(.7, 1.0), tint=rng.uniform(-.5, .6), fine=.11,
        medium=.07, coarse=.10, shift=rng.gauss(0, 8))


def scatter_trees(plan: Plan, block: Block, density: float,
                  radius: tuple[float, float] = (1.8, 3.8)) -> None:
    """Trees at random places of a block, ``density`` per 100 m²."""
    rng = plan.rng
    count = block.width * block.height * density / 100
    for _ in range(int(count + rng.random())):
        size = rng.uniform(*radius)
        x = rng.uniform(block.x1, block.x2)
        y = rng.uniform(block.y1, block.y2)
        if plan.in_reach(x, y) and plan.is_free(x, y, size * .6):
            tree(plan, x, y, size, rng.random() < .2)


def residential(plan: Plan, block: Block) -> None:
    """Two rows of lots, houses facing the street on their side."""
    rng = plan.rng
    plan.paint(block.corners(), lawn(plan), GROUND)
    if min(block.width, block.height) < 12:
        return scatter_trees(plan, block, .8)
    along = 0 if block.width >= block.height else 1
    low, high = ((block.x1, block.x2), (block.y1, block.y2))[along]
    near, far = ((block.y1, block.y2), (block.x1, block.x2))[along]
    depth = (far - near) / 2 if far - near > 34 else far - near
    rows = [(near, 1)] if depth == far - near else [(near, 1), (far, -1)]
    count = max(1, round((high - low) / rng.uniform(15, 21)))
    step = (high - low) / count
    for edge, inward in rows:
        for i in range(count):
            _lot(plan, along, low + (i + .5) * step, edge, inward, step,
                 depth)


def _lot(plan: Plan, along: int, centre: float, edge: float, inward: int,
         step: float, depth: float) -> None:
    """One lot: house, driveway with or without a car, pool, trees."""
    rng = plan.rng

    def spot(a: float, d: float) -> tuple[float, float]:
        """Local place from metres along the street and into the lot."""
        across = edge + inward * d
        return (centre + a, across) if along == 0 else (across, centre + a)

    if not plan.in_reach(*spot(0, depth / 2), 12):
        return
    street = 0.0 if along == 0 else math.pi / 2
    plan.paint(rect(*spot(0, depth / 2), step - .6 if along == 0 else
                    depth - .6, depth - .6 if along == 0 else step - .6),
               lawn(plan), GROUND)
    width = min(rng.uniform(7.5, 10.5), depth - 7)
    length = min(rng.uniform(9, 14), step - 4.5)
    setback = rng.uniform(3.5, 5.5) + width / 2
    x, y = spot(rng.uniform(-.6, 1.2), setback)
    if not plan.is_free(x, y, 8):
        return
    if rng.random() < .93:
        buildings.gable(plan, x, y, max(length, width), width, street)
        plan.reserve(x, y, width * .55)
    drive = plan.surface('pavement', (.25, .24, .23), 'concrete', jitter=.2,
                         fine=.06, coarse=.06)
    plan.paint(strip(*spot(-step / 2 + 1.8, 0),
                     *spot(-step / 2 + 1.8, setback + 2), 3.0), drive,
               DETAIL)
    if rng.random() < .75:
        heading = street + math.pi / 2 * rng.choice((1, -1))
        objects.small_vehicle(plan, *spot(-step / 2 + 1.8,
                                          rng.uniform(3.2, 6)), heading)
    behind = setback + width / 2 + 4
    if depth - behind > 4 and rng.random() < .28:
        facilities.swimming_pool(plan, *spot(1, behind + 1), street,
                                 rng.uniform(6, 9), rng.uniform(3.2, 4.5))
        plan.reserve(*spot(1, behind + 1), 5)
    for _ in range(rng.randint(1, 3)):
        size = rng.uniform(1.2, 3.0)
        place = spot(rng.uniform(-.45, .45) * step,
                     rng.uniform(setback + width / 2, depth))
        if plan.is_free(*place, size * .7):
            tree(plan, *place, size, rng.random() < .25)


def hut(plan: Plan, block: Block, leaf: str, chance: float,
        length: tuple[float, float] = (8, 13)) -> None:
    """A small building in a corner of a block."""
    rng = plan.rng
    if rng.random() > chance or min(block.width, block.height) < 15:
        return
    x = rng.choice((block.x1 + 7, block.x2 - 7))
    y = rng.choice((block.y1 + 7, block.y2 - 7))
    size = rng.uniform(*length)
    if not plan.is_free(x, y, size * .6):
        return
    angle = rng.choice((0.0, math.pi / 2))
    if rng.random() < .6:
        buildings.gable(plan, x, y, size, size * .7, angle, leaf)
    else:
        buildings.flat(plan, x, y, size, size * .7, angle, leaf,
                       rng.uniform(3.5, 5))
    plan.reserve(x, y, size * .6)


def parking(plan: Plan, block: Block, fill: float = .7,
            lorries: bool = False) -> None:
    """Marked bays in rows with lanes between, some of them taken."""
    rng = plan.rng
    ground = plan.surface('car park', ASPHALT, 'asphalt', jitter=.25,
                          fine=.07, medium=.03, coarse=.07)
    plan.paint(block.corners(), ground, GROUND)
    line = plan.surface('car park', (.45, .45, .43), 'concrete')
    hut(plan, block, 'commercial building', .3, (6, 9))
    bay, deep = (3.6, 13.0) if lorries else (2.7, 5.2)
    lane = 9.0 if lorries else 6.2
    y, side = block.y1 + .8, 1
    while y + deep < block.y2:
        for i in range(int((block.width - 2) / bay)):
            x = block.x1 + 1 + i * bay
            plan.paint(strip(x, y, x, y + deep, .2), line, DETAIL)
            place = x + bay / 2, y + deep / 2 + rng.uniform(-.3, .3)
            if rng.random() > fill or not plan.in_reach(*place):
                continue
            if not plan.is_free(*place, 2):
                continue
            angle = math.pi / 2 * rng.choice((1, -1)) + rng.gauss(0, .02)
            if lorries:
                objects.large_vehicle(plan, *place, angle,
                                      rng.uniform(8, 12))
            else:
                objects.small_vehicle(plan, *place, angle)
        y += deep + (lane if side > 0 else .3)
        side = -side


def apartments(plan: Plan, block: Block) -> None:
    """Slabs on a lawn with a parking row."""
    rng = plan.rng
    plan.paint(block.corners(), lawn(plan), GROUND)
    inner = block.inset(4)
    if min(inner.width, inner.height) < 14:
        return scatter_trees(plan, block, .9)
    top, rest = inner.cut(inner.y1 + 6.5, 1)
    parking(plan, top, .65)
    y = rest.y1 + 8
    while y + 7 < rest.y2:
        length = min(rest.width, rng.uniform(22, 40))
        x = rng.uniform(rest.x1 + length / 2, rest.x2 - length / 2)
        if plan.is_free(x, y, 12):
            buildings.flat(plan, x, y, length, rng.uniform(10, 13), 0.0,
                           'apartment block', rng.uniform(12, 24))
            plan.reserve(x, y, 9)
        y += rng.uniform(23, 30)
    scatter_trees(plan, rest, .5)


def commercial(plan: Plan, block: Block) -> None:
    """A store and its car park."""
    rng = plan.rng
    ground = plan.surface('pavement', (.24, .23, .22), 'concrete', fine=.06,
                          coarse=.08)
    plan.paint(block.corners(), ground, GROUND)
    inner = block.inset(2)
    axis = 0 if inner.width > inner.height else 1
    low, high = ((inner.x1, inner.x2), (inner.y1, inner.y2))[axis]
    store, lot = inner.cut(low + (high - low) * rng.uniform(.4, .55), axis,
                           3)
    if min(store.width, store.height) > 8 and \
            plan.is_free(*store.centre, 8):
        buildings.flat(plan, *store.centre, store.width - 2,
                       store.height - 2, 0.0, 'commercial building',
                       rng.uniform(6, 11))
    parking(plan, lot, .68)
    edge = Block(inner.x1, inner.y1, inner.x2, inner.y1 + 2)
    scatter_trees(plan, edge, 1.2, (1.5, 2.5))


def industrial(plan: Plan, block: Block) -> None:
    """Halls with a yard of lorries."""
    rng = plan.rng
    ground = plan.surface('pavement', (.20, .19, .18), 'concrete', jitter=.2,
                          fine=.07, medium=.05, coarse=.13)
    plan.paint(block.corners(), ground, GROUND)
    inner = block.inset(2.5)
    axis = 0 if inner.width > inner.height else 1
    low, high = ((inner.x1, inner.x2), (inner.y1, inner.y2))[axis]
    hall, yard = inner.cut(low + (high - low) * rng.uniform(.5, .62), axis,
                           2)
    if min(hall.width, hall.height) > 8 and plan.is_free(*hall.centre, 8):
        parts = hall.cut(hall.centre[1 - axis], 1 - axis, 4) \
            if rng.random() < .5 else (hall,)
        for part in parts:
            if min(part.width, part.height) > 6:
                buildings.flat(plan, *part.centre, part.width - 1,
                               part.height - 1, 0.0, 'industrial building',
                               rng.uniform(7, 12))
    if rng.random() < .5:
        parking(plan, yard, .5, lorries=True)
    else:
        tanks(plan, yard)


def tanks(plan: Plan, block: Block) -> None:
    """A grid of storage tanks inside bunds."""
    rng = plan.rng
    bund = plan.surface('gravel', (.27, .25, .22), 'concrete', jitter=.2,
                        fine=.10, medium=.08, coarse=.10)
    plan.paint(block.corners(), bund, GROUND)
    wall = plan.surface('pavement', (.34, .33, .31), 'concrete', height=1.5)
    hut(plan, block, 'industrial building', .5, (7, 11))
    radius = min(rng.uniform(4, 9), min(block.width, block.height) / 2 - 1.5)
    if radius < 2.2:
        return
    step = radius * 2 + rng.uniform(3, 6)
    for i in range(max(1, int(block.width / step))):
        for j in range(max(1, int(block.height / step))):
            x = block.x1 + (i + .5) * block.width / max(
                1, int(block.width / step))
            y = block.y1 + (j + .5) * block.height / max(
                1, int(block.height / step))
            if plan.in_reach(x, y, radius) and plan.is_free(x, y, radius) \
                    and rng.random() < .92:
                facilities.storage_tank(plan, x, y,
                                        radius * rng.uniform(.8, 1))
    for x1, y1, x2, y2 in ((block.x1, block.y1, block.x2, block.y1),
                           (block.x2, block.y1, block.x2, block.y2),
                           (block.x2, block.y2, block.x1, block.y2),
                           (block.x1, block.y2, block.x1, block.y1)):
        plan.paint(strip(x1, y1, x2, y2, .8), wall, DETAIL)


def sports(plan: Plan, block: Block) -> None:
    """Courts, pitches and a playground on grass."""
    rng = plan.rng
    plan.paint(block.corners(), lawn(plan), GROUND)
    inner = block.inset(2)
    angle = 0.0 if inner.width >= inner.height else math.pi / 2
    long, short = max(inner.width, inner.height), min(inner.width,
                                                      inner.height)
    x, y = inner.centre
    cos, sin = math.cos(angle), math.sin(angle)

    def spot(a: float, b: float) -> tuple[float, float]:
        return x + a * cos - b * sin, y + a * sin + b * cos

    choice = rng.random()
    if short > 45 and choice < .4:
        facilities.baseball_diamond(plan, x, y, angle)
        plan.reserve_rect(x, y, 44, 44, angle)
    elif short > 26 and choice < .62:
        length = min(long, short / .62, 70)
        facilities.soccer_field(plan, x, y, angle, length)
        plan.reserve_rect(x, y, length, length * .62, angle)
    elif short > 18:
        columns, rows = int(long / 36) or 1, int(short / 19)
        for i in range(columns):
            for j in range(rows):
                place = spot((i + .5) * long / columns - long / 2,
                             (j + .5) * short / rows - short / 2)
                if long < 34 or rng.random() < .42:
                    facilities.basketball_court(plan, *place, angle)
                else:
                    facilities.tennis_court(plan, *place, angle)
                plan.reserve_rect(*place, 34, 17, angle)
    else:
        surface = plan.surface('playground', (.36, .27, .17), fine=.07,
                               coarse=.06)
        plan.paint(rect(x, y, long * .5, short * .7, angle), surface, DETAIL)
        for _ in range(5):
            toy = plan.surface('playground', rng.choice(
                [(.4, .06, .05), (.06, .12, .4), (.5, .4, .06)]), 'metal',
                height=2)
            plan.paint(rect(*spot(rng.uniform(-.2, .2) * long,
                                  rng.uniform(-.25, .25) * short),
                            rng.uniform(1, 3), .8,
                            rng.uniform(0, 3)), toy, DETAIL)
    hut(plan, block, 'commercial building', .6)
    scatter_trees(plan, block, .25)


def park(plan: Plan, block: Block) -> None:
    """Lawn, trees, crossing paths and at times a pond."""
    rng = plan.rng
    plan.paint(block.corners(), lawn(plan), GROUND)
    path = plan.surface('pavement', (.36, .31, .24), fine=.07, coarse=.06)
    x, y = block.centre
    plan.paint(strip(block.x1, block.y1, block.x2, block.y2, 2.2), path,
               DETAIL)
    plan.paint(strip(block.x1, block.y2, block.x2, block.y1, 2.0), path,
               DETAIL)
    size = min(block.width, block.height)
    if size > 24 and rng.random() < .6:
        pond(plan, x, y, size * rng.uniform(.22, .34))
    hut(plan, block, 'house', .5)
    scatter_trees(plan, block, .9, (2.0, 4.6))


def pond(plan: Plan, x: float, y: float, radius: float) -> None:
    """A lake with a wavy reed-lined shore."""
    rng = plan.rng
    waves = [(k, rng.uniform(.04, .16) / k, rng.uniform(0, 6.28))
             for k in (1, 2, 3, 5)]
    stretch = rng.uniform(.7, 1)

    def shore(grow: float) -> list[tuple[float, float]]:
        points = []
        for i in range(48):
            t = i / 48 * 2 * math.pi
            r = grow + radius * (1 + sum(a * math.sin(k * t + p)
                                         for k, a, p in waves))
            points.append((x + r * math.cos(t), y + stretch * r *
                           math.sin(t)))
        return points

    bank = plan.surface('shrub', (.18, .15, .10), plant='shrub', fine=.12,
                        medium=.15)
    water = plan.surface('lake', rng.choice(
        [(.030, .045, .045), (.045, .065, .050), (.02, .03, .035)]), 'water',
        jitter=.2, fine=.05, ripple=.10, coarse=.08)
    plan.paint(shore(2.0), bank, DETAIL)
    plan.paint(shore(0), water, DETAIL)
    plan.reserve(x, y, radius * 1.1)


TOWN = dict(residential=residential, apartments=apartments,
            commercial=commercial, industrial=industrial, tanks=tanks,
            sports=sports, park=park, parking=parking)
