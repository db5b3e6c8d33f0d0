# Copyright (c) mmeo contributors. All rights reserved.
"""Filling of blocks outside towns: fields, forest, meadow, bare land."""

import math

from mmeo.datasets.synthetic import buildings, objects
from mmeo.datasets.synthetic.geometry import rect
from mmeo.datasets.synthetic.landuse import hut, lawn, scatter_trees
from mmeo.datasets.synthetic.layout import Block
from mmeo.datasets.synthetic.plan import DETAIL, GROUND, Plan, tree

CROPS = {  # row spacing in metres, row contrast
    'wheat': (1.6, .05), 'maize': (1.5, .16), 'rapeseed': (2.2, .05),
    'sugar beet': (1.3, .14), 'fallow': (1.8, .12), 'orchard': (0, 0),
    'vineyard': (2.4, .38),
}


def crop_surface(plan: Plan, crop: str, angle: float) -> int:
    """A field of one crop with rows along an angle."""
    rng = plan.rng
    spacing, contrast = CROPS[crop]
    rows = {}
    if spacing:
        wave = 2 * math.pi / (spacing * rng.uniform(.9, 1.2))
        rows = dict(row_amp=contrast * rng.uniform(.8, 1.2),
                    row_x=-wave * math.sin(angle),
                    row_y=wave * math.cos(angle))
    tone = rng.uniform(.8, 1.25)
    return plan.surface(
        crop, (.24 * tone, .18 * tone, .125 * tone), plant=crop, jitter=.1,
        vigour=rng.uniform(.8, 1.0), tint=rng.uniform(-.4, .5),
        shift=rng.gauss(0, 9), fine=.07, medium=.06,
        coarse=rng.uniform(.05, .14), **rows)


def farmland(plan: Plan, block: Block) -> None:
    """A block of one to four strips, each with its crop."""
    rng = plan.rng
    margin = lawn(plan, 'meadow')
    plan.paint(block.corners(), margin, GROUND)
    axis = rng.randint(0, 1)
    low, high = ((block.x1, block.x2), (block.y1, block.y2))[axis]
    count = rng.randint(1, max(1, min(4, int((high - low) / 11))))
    cuts = [low + (high - low) * (i + (rng.uniform(-.2, .2)
            if 0 < i < count else 0)) / count for i in range(count + 1)]
    for a, b in zip(cuts, cuts[1:]):
        part = Block(a, block.y1, b, block.y2) if axis == 0 \
            else Block(block.x1, a, block.x2, b)
        part = part.inset(rng.uniform(.5, 1.1))
        crop = rng.choice(list(CROPS))
        angle = 0.0 if axis else math.pi / 2
        plan.paint(part.corners(), crop_surface(plan, crop, angle), GROUND)
        if crop == 'orchard':
            _orchard(plan, part)
        elif rng.random() < .8:
            _tramlines(plan, part, crop, axis)
    hut(plan, block, 'farm building', .45)
    if rng.random() < .18:
        spot = rng.uniform(block.x1, block.x2), rng.uniform(block.y1,
                                                            block.y2)
        if plan.is_free(*spot, 5):
            objects.large_vehicle(plan, *spot, axis * math.pi / 2, 7.5)


def _tramlines(plan: Plan, part: Block, crop: str, axis: int) -> None:
    """Wheel tracks of the farm machines."""
    track = plan.surface(crop, (.20, .16, .11), plant=crop, vigour=.45,
                         fine=.08)
    low, high = ((part.y1, part.y2), (part.x1, part.x2))[1 - axis]
    at = low + 5
    while at < high - 2:
        for off in (-.9, .9):
            if axis == 0:
                plan.paint(rect(at + off, part.centre[1], .4, part.height),
                           track, GROUND)
            else:
                plan.paint(rect(part.centre[0], at + off, part.width, .4),
                           track, GROUND)
        at += 13


def _orchard(plan: Plan, part: Block) -> None:
    """Trees of like size on a grid."""
    rng = plan.rng
    step, size = rng.uniform(4.6, 6), rng.uniform(1.5, 2.1)
    y = part.y1 + step / 2
    while y < part.y2 - 1:
        x = part.x1 + step / 2
        while x < part.x2 - 1:
            if plan.in_reach(x, y) and rng.random() < .95 and \
                    plan.is_free(x, y, size):
                tree(plan, x + rng.gauss(0, .2), y + rng.gauss(0, .2),
                     size * rng.uniform(.85, 1.1), False, 'orchard')
            x += step
        y += step


def farmstead(plan: Plan, block: Block) -> None:
    """House, barns and a yard."""
    rng = plan.rng
    plan.paint(block.corners(), lawn(plan, 'meadow'), GROUND)
    x, y = block.centre
    yard = plan.surface('dirt road', (.30, .25, .19), fine=.09, medium=.07,
                        coarse=.1)
    side = min(block.width, block.height)
    if side < 22:
        return scatter_trees(plan, block, .8)
    plan.paint(rect(x, y, side * .75, side * .65), yard, DETAIL)
    spots = [(-.30, -.26, 0.0), (.30, -.22, math.pi / 2),
             (-.05, .30, 0.0), (-.36, .12, math.pi / 2)]
    for i, (a, b, angle) in enumerate(spots):
        px, py = x + a * side, y + b * side
        if not plan.is_free(px, py, 7):
            continue
        if i == 0:
            buildings.gable(plan, px, py, 12, 9, angle)
        elif rng.random() < .75:
            length = min(side * .38, rng.uniform(14, 22))
            if rng.random() < .5:
                buildings.gable(plan, px, py, length, 9, angle,
                                'farm building')
            else:
                buildings.flat(plan, px, py, length, 9, angle,
                               'farm building', rng.uniform(5, 7))
        plan.reserve(px, py, 7)
    for _ in range(rng.randint(2, 4)):
        px, py = x + rng.gauss(0, side * .12), y + rng.gauss(0, side * .10)
        if plan.is_free(px, py, 2.5):
            if rng.random() < .6:
                objects.small_vehicle(plan, px, py, rng.uniform(0, 6.28))
            else:
                objects.large_vehicle(plan, px, py, rng.uniform(0, 6.28),
                                      7.5)
            plan.reserve(px, py, 3.5)
    scatter_trees(plan, block, .6)


def forest(plan: Plan, block: Block) -> None:
    """A closed stand, broadleaved or coniferous."""
    rng = plan.rng
    conifer = rng.random() < .4
    stand = plan.surface(
        'conifer forest' if conifer else 'broadleaf forest',
        (.07, .06, .04), plant='conifer' if conifer else 'broadleaf',
        vigour=rng.uniform(.85, 1), tint=rng.uniform(-.6, .5), fine=.14,
        medium=.10, coarse=.16, canopy=.95, height=1, crown=14,
        shift=rng.gauss(0, 6))
    plan.paint(block.corners(), stand, GROUND)
    hut(plan, block, 'house', .35)
    # Crowns over the border keep stands from ending in a ruler line.
    for a, b in zip(block.corners(), block.corners()[1:] +
                    block.corners()[:1]):
        length = math.hypot(b[0] - a[0], b[1] - a[1])
        for i in range(int(length / 4)):
            t = (i + rng.random()) / (length / 4)
            x, y = a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])
            if plan.in_reach(x, y) and plan.is_free(x, y, 2):
                tree(plan, x, y, rng.uniform(1.6, 3.2), conifer)


def meadow(plan: Plan, block: Block) -> None:
    """Grass with shrubs and few trees."""
    rng = plan.rng
    plan.paint(block.corners(), lawn(plan, 'meadow'), GROUND)
    hut(plan, block, 'farm building', .5)
    for _ in range(int(block.width * block.height / 260)):
        shrub = plan.surface('shrub', (.15, .13, .09), plant='shrub',
                             tint=rng.uniform(-.5, .5), fine=.15,
                             medium=.2, height=1.5)
        x = rng.uniform(block.x1, block.x2)
        y = rng.uniform(block.y1, block.y2)
        if plan.in_reach(x, y) and plan.is_free(x, y, 2):
            r = rng.uniform(.8, 3)
            points = [(x + r * rng.uniform(.6, 1.2) * math.cos(k * .8),
                       y + r * rng.uniform(.6, 1.2) * math.sin(k * .8))
                      for k in range(8)]
            plan.paint(points, shrub, DETAIL)
    scatter_trees(plan, block, .15)


def shrubland(plan: Plan, block: Block) -> None:
    """Dense shrub."""
    rng = plan.rng
    plan.paint(block.corners(), plan.surface(
        'shrub', (.19, .15, .10), plant='shrub', tint=rng.uniform(-.4, .4),
        fine=.15, medium=.28, coarse=.15, canopy=.3, height=.3, crown=1.5),
        GROUND)
    hut(plan, block, 'house', .4)
    scatter_trees(plan, block, .3, (1.2, 2.4))


def barren(plan: Plan, block: Block) -> None:
    """Sand, gravel or a building site with machines and heaps."""
    rng = plan.rng
    leaf, tone = rng.choice([
        ('sand', (.38, .31, .22)), ('gravel', (.26, .24, .21)),
        ('construction site', (.27, .20, .14))])
    ground = plan.surface(leaf, tone, jitter=.2, fine=.08, medium=.11,
                          coarse=.15)
    plan.paint(block.corners(), ground, GROUND)
    hut(plan, block, 'industrial building', .5)
    for _ in range(rng.randint(2, 5)):
        x = rng.uniform(block.x1, block.x2)
        y = rng.uniform(block.y1, block.y2)
        r = rng.uniform(2, 6)
        if not plan.is_free(x, y, r):
            continue
        for k, shade in ((1, .8), (.72, 1.15), (.4, 1.3)):
            heap = plan.shaded(ground, shade, height=(1.1 - k) * r)
            points = [(x + r * k * rng.uniform(.85, 1.1) * math.cos(t * .7),
                       y + r * k * rng.uniform(.85, 1.1) * math.sin(t * .7))
                      for t in range(9)]
            plan.paint(points, heap, DETAIL)
        plan.reserve(x, y, r)
    for _ in range(rng.randint(1, 3)):
        x = rng.uniform(block.x1 + 3, block.x2 - 3)
        y = rng.uniform(block.y1 + 3, block.y2 - 3)
        if plan.is_free(x, y, 5):
            objects.large_vehicle(plan, x, y, rng.uniform(0, 6.28),
                                  rng.uniform(7, 9))
            plan.reserve(x, y, 5)


COUNTRY = dict(farmland=farmland, farmstead=farmstead, forest=forest,
               meadow=meadow, shrubland=shrubland, barren=barren)
