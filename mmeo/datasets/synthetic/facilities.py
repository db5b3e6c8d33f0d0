# Copyright (c) mmeo contributors. All rights reserved.
"""Fixed annotated things that are no buildings. Sizes are in metres."""

import math

from mmeo.datasets.synthetic.geometry import circle, place, rect
from mmeo.datasets.synthetic.plan import DECK, DETAIL, STRUCTURE, Plan, strip


def _lines(plan: Plan, leaf: str, segments: list, width: float, thing: int,
           x: float, y: float, angle: float) -> None:
    """Paint white lines given in metres in the frame of a court."""
    white = plan.surface(leaf, (.55, .55, .53), 'concrete')
    for segment in segments:
        (x1, y1), (x2, y2) = place(
            [segment[:2], segment[2:]], x, y, 1, 1, angle)
        plan.paint(strip(x1, y1, x2, y2, width), white, DETAIL, thing)


def _frame(half_x: float, half_y: float) -> list:
    return [(-half_x, -half_y, half_x, -half_y),
            (half_x, -half_y, half_x, half_y),
            (half_x, half_y, -half_x, half_y),
            (-half_x, half_y, -half_x, -half_y)]


def tennis_court(plan: Plan, x: float, y: float, angle: float) -> None:
    """Hard or clay court, 34 m x 17 m with its surround."""
    rng = plan.rng
    colour, outer, inner = rng.choice([
        ('green', (.08, .17, .09), (.10, .22, .12)),
        ('blue', (.09, .17, .10), (.07, .14, .30)),
        ('red', (.30, .13, .08), (.33, .15, .09))])
    outline = rect(x, y, 34, 17, angle)
    thing = plan.add_thing('tennis-court', outline, angle, colour)
    plan.paint(outline, plan.surface('tennis court', outer, 'synthetic',
                                     fine=.04, coarse=.05), DETAIL, thing)
    plan.paint(rect(x, y, 23.77, 10.97, angle), plan.surface(
        'tennis court', inner, 'synthetic', fine=.04), DETAIL, thing)
    lines = _frame(11.9, 5.5) + [
        (-11.9, 4.1, 11.9, 4.1), (-11.9, -4.1, 11.9, -4.1),
        (-6.4, -4.1, -6.4, 4.1), (6.4, -4.1, 6.4, 4.1), (-6.4, 0, 6.4, 0),
        (0, -6.4, 0, 6.4)]
    _lines(plan, 'tennis court', lines, .30, thing, x, y, angle)


def basketball_court(plan: Plan, x: float, y: float, angle: float) -> None:
    """Court of 28 m x 15 m on asphalt or plastic."""
    rng = plan.rng
    colour, tone = rng.choice([
        ('grey', (.15, .15, .16)), ('blue', (.08, .14, .28)),
        ('red', (.27, .11, .08)), ('green', (.09, .19, .12))])
    outline = rect(x, y, 28, 15, angle)
    thing = plan.add_thing('basketball-court', outline, angle, colour)
    plan.paint(outline, plan.surface('hard court', tone, 'synthetic',
                                     fine=.04, coarse=.06), DETAIL, thing)
    lines = _frame(13.6, 7.1) + [(0, -7.1, 0, 7.1)]
    for side in (1, -1):
        lines += [(side * 7.8, -2.4, side * 7.8, 2.4),
                  (side * 7.8, 2.4, side * 13.6, 2.4),
                  (side * 7.8, -2.4, side * 13.6, -2.4)]
        arc = [(side * (12 - 6.4 * math.cos(t)), 6.4 * math.sin(t))
               for t in (-1.4, -.7, 0, .7, 1.4)]
        lines += [(*a, *b) for a, b in zip(arc, arc[1:])]
    _lines(plan, 'hard court', lines, .28, thing, x, y, angle)


def soccer_field(plan: Plan, x: float, y: float, angle: float,
                 length: float) -> None:
    """Mown pitch, 40 m to 100 m long."""
    rng = plan.rng
    width = length * .62
    outline = rect(x, y, length, width, angle)
    thing = plan.add_thing('soccer-ball-field', outline, angle, 'green')
    wave = 2 * math.pi / (length / 6)
    plan.paint(outline, plan.surface(
        'sports field', (.10, .13, .06), plant='lawn',
        vigour=rng.uniform(.85, 1), fine=.07, medium=.05, coarse=.05,
        row_amp=.10, row_x=wave * math.cos(angle),
        row_y=wave * math.sin(angle)), DETAIL, thing)
    a, b = length / 2 - 1.5, width / 2 - 1.5
    lines = _frame(a, b) + [(0, -b, 0, b)]
    ring = [(length * .09 * math.cos(t * math.pi / 8),
             length * .09 * math.sin(t * math.pi / 8)) for t in range(17)]
    lines += [(*p, *q) for p, q in zip(ring, ring[1:])]
    for side in (1, -1):
        inner = side * (a - length * .15)
        lines += [(side * a, b * .55, inner, b * .55),
                  (side * a, -b * .55, inner, -b * .55),
                  (inner, -b * .55, inner, b * .55)]
    _lines(plan, 'sports field', lines, .30, thing, x, y, angle)


def baseball_diamond(plan: Plan, x: float, y: float, angle: float) -> None:
    """Infield and a part of the outfield, 44 m square."""
    outline = rect(x, y, 44, 44, angle)
    thing = plan.add_thing('baseball-diamond', outline, angle, 'green')
    grass = plan.surface('sports field', (.10, .12, .06), plant='lawn',
                         fine=.08, coarse=.07)
    clay = plan.surface('sports field', (.33, .20, .12), fine=.06,
                        coarse=.05)
    plan.paint(outline, grass, DETAIL, thing)
    fan = [(-20, -20)] + [(-20 + 38 * math.cos(t / 8 * math.pi / 2),
                           -20 + 38 * math.sin(t / 8 * math.pi / 2))
                          for t in range(9)]
    plan.paint(place(fan, x, y, 1, 1, angle), clay, DETAIL, thing)
    plan.paint(place([(-17, -17), (7, -17), (7, 7), (-17, 7)], x, y, 1, 1,
                     angle), plan.shaded(grass, 1.0), DETAIL, thing)
    plan.paint(circle(*place([(-6, -6)], x, y, 1, 1, angle)[0], 2.7), clay,
               DETAIL, thing)
    _lines(plan, 'sports field', [(-20, -20, 22, -20), (-20, -20, -20, 22)],
           .3, thing, x, y, angle)


def swimming_pool(plan: Plan, x: float, y: float, angle: float,
                  length: float, width: float) -> None:
    """A pool with its paved edge."""
    deck = plan.surface('pavement', (.38, .35, .31), 'concrete', fine=.06)
    plan.paint(rect(x, y, length + 2.4, width + 2.4, angle), deck, DETAIL)
    outline = rect(x, y, length, width, angle)
    thing = plan.add_thing('swimming-pool', outline, angle, 'blue')
    water = plan.surface('swimming pool', (.10, .33, .42), 'water',
                         jitter=.2, fine=.04, ripple=.10)
    plan.paint(outline, water, DETAIL, thing)
    if length > 15:
        line = plan.surface('swimming pool', (.06, .16, .30), 'water')
        for i in range(1, 5):
            plan.paint(place(rect(0, -.5 + i / 5, .96, .02), x, y, length,
                             width, angle), line, DETAIL, thing)


def storage_tank(plan: Plan, x: float, y: float, radius: float) -> None:
    """A cylindrical tank: bright rim, roof lit from one side."""
    rng = plan.rng
    tone = rng.choice([.60, .52, .42, .24])
    outline = circle(x, y, radius)
    thing = plan.add_thing('storage-tank', rect(x, y, 2 * radius,
                                                2 * radius), 0.0,
                           'grey' if tone < .4 else 'white')
    plan.things[thing].outline = outline
    tall = rng.uniform(6, 11)
    rim = plan.surface('storage tank', (tone, tone, tone * .98), 'metal',
                       height=tall, fine=.04)
    dx, dy = math.cos(plan.sun), math.sin(plan.sun)
    plan.paint(outline, plan.shaded(rim, 1.2), STRUCTURE, thing)
    plan.paint(circle(x, y, radius * .93), plan.shaded(rim, .8), STRUCTURE,
               thing)
    plan.paint(circle(x - dx * radius * .07, y - dy * radius * .07,
                      radius * .84), rim, STRUCTURE, thing)
    plan.paint(strip(x, y, x + radius * .9 * math.cos(tall),
                     y + radius * .9 * math.sin(tall), .5),
               plan.shaded(rim, .55), STRUCTURE, thing)
    plan.paint(circle(x, y, max(.5, radius * .1), 10),
               plan.shaded(rim, .6), STRUCTURE, thing)


def roundabout(plan: Plan, x: float, y: float, radius: float,
               asphalt: int) -> None:
    """Ring road around a green island."""
    outline = circle(x, y, radius)
    thing = plan.add_thing('roundabout', outline, 0.0)
    kerb = plan.surface('pavement', (.30, .29, .27), 'concrete', fine=.05)
    green = plan.surface('lawn', (.12, .11, .07), plant='lawn', fine=.1,
                         coarse=.08)
    plan.paint(circle(x, y, radius + 2), kerb, DETAIL)
    plan.paint(outline, asphalt, DETAIL, thing)
    plan.paint(circle(x, y, radius * .5), kerb, DETAIL, thing)
    plan.paint(circle(x, y, radius * .45), green, DETAIL, thing)
    plan.reserve(x, y, radius + 2)


def bridge(plan: Plan, x: float, y: float, angle: float, length: float,
           width: float) -> None:
    """A road deck with parapets."""
    outline = rect(x, y, length, width, angle)
    thing = plan.add_thing('bridge', outline, angle)
    deck = plan.surface('bridge', (.17, .17, .165), 'asphalt', height=5,
                        fine=.07, coarse=.06)
    edge = plan.surface('bridge', (.38, .37, .35), 'concrete', height=6)
    line = plan.shaded(edge, 1.2, height=5)
    plan.paint(outline, edge, DECK, thing)
    plan.paint(rect(x, y, length, width - 1.4, angle), deck, DECK, thing)
    for i in range(int(length / 6)):
        plan.paint(place(rect(-length / 2 + 3 + 6 * i, 0, 3, .25), x, y, 1,
                         1, angle), line, DECK, thing)


def pier(plan: Plan, x: float, y: float, angle: float, length: float,
         width: float) -> None:
    """A jetty, annotated as harbor as in DOTA."""
    outline = rect(x, y, length, width, angle)
    thing = plan.add_thing('harbor', outline, angle, 'grey')
    planks = plan.surface('pier', (.27, .24, .20), 'concrete', jitter=.2,
                          height=2, fine=.08, coarse=.06, row_amp=.08,
                          row_x=3 * math.cos(angle),
                          row_y=3 * math.sin(angle))
    plan.paint(outline, planks, DECK, thing)
