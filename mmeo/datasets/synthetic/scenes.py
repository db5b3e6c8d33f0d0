# Copyright (c) mmeo contributors. All rights reserved.
"""Composition of whole scenes: themes and what they are made of."""

import math
from random import Random

from mmeo.datasets.synthetic import facilities, objects, places
from mmeo.datasets.synthetic.countryside import COUNTRY
from mmeo.datasets.synthetic.landuse import ASPHALT, TOWN, lawn
from mmeo.datasets.synthetic.layout import Block, Street, pave, split
from mmeo.datasets.synthetic.plan import GROUND, Plan, tree
from mmeo.datasets.synthetic.styles import DEFAULT, Style

GSD = 0.3125  # metres: a 10 m pixel holds exactly 32 x 32 of these
FILLERS = {**TOWN, **COUNTRY}

# Land use of the blocks with weights; block sides; street width; rural.
THEMES = {
    'suburb': (dict(residential=8, park=1, sports=1.2, parking=.5),
               (52, 40), 8.0, False),
    'town centre': (dict(apartments=3, commercial=3, parking=2, sports=1.5,
                         park=.7), (48, 44), 10.0, False),
    'industrial area': (dict(industrial=4, tanks=2.5, parking=1,
                             barren=1), (50, 46), 9.5, False),
    'harbour': (dict(industrial=2, commercial=1, parking=1.5, tanks=1),
                (46, 40), 8.0, False),
    'airport': ({}, (0, 0), 0.0, False),
    'farming area': (dict(farmland=7, farmstead=2, forest=1, meadow=1),
                 (56, 50), 5.0, True),
    'riverside': (dict(residential=3, park=1, farmland=1.5, forest=1,
                       sports=1, parking=.8), (48, 44), 8.0, False),
    'leisure area': (dict(sports=5, park=2, parking=1.6, residential=1,
                          forest=.7), (54, 44), 7.5, False),
    'natural area': (dict(forest=3, meadow=2, shrubland=1.5, barren=1.8,
                         farmstead=1.5, farmland=1.5), (50, 46), 5.0, True),
}


def theme_of(seed: int, index: int) -> str:
    """Theme of a scene: every round of nine scenes holds each one once."""
    names = list(THEMES)
    turn, place = divmod(index, len(names))
    Random(f'themes {seed} {turn}').shuffle(names)
    return names[place]


def compose(seed: int, index: int, size: int,
            style: Style = DEFAULT) -> Plan:
    """Compose a scene.

    Args:
        seed (int): Seed of the data set.
        index (int): Number of the scene.
        size (int): Side of the image in pixels.
        style (Style): Look of the surfaces.

    Returns:
        Plan: The same for the same arguments.
    """
    rng = Random(f'scene {seed} {index} {size}')
    theme = theme_of(seed, index)
    turn = rng.uniform(0, 2 * math.pi)
    # Morning sun of the northern mid-latitudes: from the south-east, which
    # is right and down in the image, as y points down.
    sun = math.radians(rng.uniform(20, 70)) - turn
    # A tenth more than the half diagonal, as bending can pull borders in.
    needed = size * GSD * .79 + 6
    slack = 20.0 if size <= 256 else 0.0
    bend = 0j if theme == 'airport' else complex(
        rng.uniform(-.08, .08), rng.uniform(-.08, .08)) / needed
    plan = Plan(rng, needed + slack, theme, turn, sun, bend, style=style)
    reach = plan.reach
    area = Block(-reach, -reach, reach, reach)
    mix, side, width, rural = THEMES[theme]
    if theme == 'airport':
        places.airport(plan, area)
    elif theme == 'harbour':
        shore = rng.uniform(-.25, .1) * reach
        places.harbour(plan, shore, area)
        _town(plan, Block(-reach, -reach, reach, shore - 9), mix, side,
              width, rural)
    elif theme == 'riverside':
        _river_scene(plan, area, mix, side, width)
    else:
        _town(plan, area, mix, side, width, rural)
    if slack:
        _look_at_building(plan, slack, size * GSD)
    return plan


def _look_at_building(plan: Plan, slack: float, side: float) -> None:
    """Move the view of a small image so that a building may be in it."""
    rng = plan.rng
    centres = [complex(*map(sum, zip(*t.outline))) / len(t.outline)
               for t in plan.things if t.name == 'building']
    near = [c for c in centres if abs(c) < slack + side / 4]
    if near:
        view = rng.choice(near) + side * complex(rng.uniform(-.25, .25),
                                                 rng.uniform(-.25, .25))
        plan.view = view * min(1.0, slack / abs(view))


def _town(plan: Plan, area: Block, mix: dict, side: tuple, width: float,
          rural: bool, first: tuple[int, float] | None = None) -> None:
    """Streets, blocks and traffic in a rectangle."""
    rng = plan.rng
    # Small images get smaller blocks, so that they still hold a few.
    stretch = rng.uniform(.85, 1.2)
    small = min(1.0, max(.62, plan.reach / 72))
    side = side[0] * small * stretch, side[1] * small / stretch
    blocks, streets = split(rng, area, side, width, first)
    leaf = 'dirt road' if rural and rng.random() < .65 else 'asphalt road'
    if leaf == 'dirt road':
        asphalt = plan.surface(leaf, (.30, .25, .185), jitter=.15, fine=.08,
                               medium=.06, coarse=.10)
    else:
        asphalt = plan.surface(leaf, ASPHALT, 'asphalt', jitter=.25,
                               fine=.06, medium=.03, coarse=.08)
    plan.paint(area.corners(), asphalt, GROUND)
    circus = None
    if not rural and streets and rng.random() < .3:
        circus = _roundabout(plan, streets, asphalt)
    pave(plan, streets, asphalt, leaf == 'asphalt road')
    pavement = plan.surface('pavement', (.30, .29, .275), 'concrete',
                            jitter=.15, fine=.07, coarse=.07)
    verge = plan.surface('meadow', (.2, .16, .1), plant='meadow', fine=.1,
                         medium=.1, coarse=.1)
    names, weights = list(mix), list(mix.values())
    for block in blocks:
        if math.hypot(*block.centre) > plan.reach * 1.05 + max(
                block.width, block.height) / 2:
            continue
        plan.paint(block.corners(), verge if rural else pavement, GROUND)
        use = rng.choices(names, weights)[0]
        FILLERS[use](plan, block.inset(1.2 if rural else 1.7))
    _traffic(plan, streets, rural, circus)
    _street_trees(plan, streets, rural)


def _street_trees(plan: Plan, streets: list[Street], rural: bool) -> None:
    """Rows of like trees along some streets."""
    rng = plan.rng
    for street in streets:
        if rng.random() > .45:
            continue
        size, step = rng.uniform(1.5, 2.6), rng.uniform(8, 14)
        conifer = rng.random() < .15
        aside = street.width / 2 + (.9 if rural else 1.3)
        along = street.start + step
        while along < street.end - 3:
            for side in (aside, -aside):
                place = street.point(along, side)
                if rng.random() < .8 and plan.in_reach(*place) and \
                        plan.is_free(*place, size):
                    tree(plan, *place, size * rng.uniform(.8, 1.1), conifer)
            along += step


def _roundabout(plan: Plan, streets: list[Street], asphalt: int
                ) -> tuple[float, float] | None:
    """Put a roundabout where a side street meets the main one."""
    main = streets[0]
    for street in streets[1:]:
        if street.axis == main.axis:
            continue
        x, y = (main.at, street.at) if main.axis == 0 \
            else (street.at, main.at)
        if math.hypot(x, y) < plan.reach * .75:
            facilities.roundabout(plan, x, y, plan.rng.uniform(10, 13),
                                  asphalt)
            return x, y
    return None


def _traffic(plan: Plan, streets: list[Street], rural: bool,
             circus: tuple[float, float] | None) -> None:
    """Driving and kerbside vehicles."""
    rng = plan.rng
    for street in streets:
        along = street.start + rng.uniform(2, 14)
        while along < street.end - 5:
            lane = rng.choice((1, -1))
            # Right-hand traffic; y points down.
            heading = (math.pi / 2 if street.axis == 0 else 0.0)
            sign = -lane if street.axis == 0 else lane
            if sign < 0:
                heading += math.pi
            place = street.point(along, lane * street.width / 4)
            if plan.in_reach(*place) and plan.is_free(*place, 2.5) and \
                    rng.random() < (.35 if rural else .85):
                if rng.random() < .15:
                    objects.large_vehicle(plan, *place, heading)
                else:
                    objects.small_vehicle(plan, *place, heading)
            along += rng.uniform(15, 34)
    if circus and rng.random() < .7:
        angle = rng.uniform(0, 6.28)
        objects.small_vehicle(plan, circus[0] + 7.8 * math.cos(angle),
                              circus[1] + 7.8 * math.sin(angle),
                              angle + math.pi / 2)


def _river_scene(plan: Plan, area: Block, mix: dict, side: tuple,
                 width: float) -> None:
    """Two banks joined by a bridge."""
    rng = plan.rng
    water = rng.uniform(10, 18) if plan.reach < 95 else rng.uniform(14, 30)
    corridor = water + rng.uniform(16, 28)
    middle = rng.uniform(-.25, .25) * plan.reach
    top, low = middle - corridor / 2, middle + corridor / 2
    crossing = rng.uniform(-.35, .35) * plan.reach
    plan.paint(area.corners(), lawn(plan, 'meadow'), GROUND)
    places.river(plan, Block(area.x1, top, area.x2, low), water, [crossing],
                 width)
    for part in (Block(area.x1, area.y1, area.x2, top),
                 Block(area.x1, low, area.x2, area.y2)):
        if part.height > 16:
            _town(plan, part, mix, side, width, False, (0, crossing))
