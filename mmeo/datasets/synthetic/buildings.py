# Copyright (c) mmeo contributors. All rights reserved.
"""Buildings with roofs. Sizes are in metres."""

import math

from mmeo.datasets.synthetic.geometry import place, rect
from mmeo.datasets.synthetic.plan import STRUCTURE, Plan


def _material(leaf: str, colour: str) -> str:
    if leaf in ('house', 'farm building'):
        return 'tile' if colour in ('red', 'orange', 'brown') else 'asphalt'
    return 'metal' if colour in ('white', 'blue') else 'concrete'


def gable(plan: Plan, x: float, y: float, length: float, width: float,
          angle: float, leaf: str = 'house') -> int:
    """A pitched roof: gabled or hipped, each side lit by its slope.

    Returns:
        int: Index of the annotated thing.
    """
    rng = plan.rng
    palette = plan.style.pitched
    colour = rng.choice(list(palette))
    outline = rect(x, y, length, width, angle)
    thing = plan.add_thing('building', outline, angle, colour)
    tall = rng.uniform(4.5, 7.5)
    roof = plan.surface(leaf, palette[colour], _material(leaf, colour),
                        jitter=.25, height=tall, fine=.09, medium=.06)
    hip = .5 - (rng.uniform(.25, .45) * width / length
                if rng.random() < .5 else 0)
    right = [(-.5, -.5), (.5, -.5), (hip, 0), (-hip, 0)]
    left = [(.5, .5), (-.5, .5), (-hip, 0), (hip, 0)]
    front = [(.5, -.5), (.5, .5), (hip, 0)]
    back = [(-.5, .5), (-.5, -.5), (-hip, 0)]
    for part, normal in ((right, angle - math.pi / 2),
                         (left, angle + math.pi / 2),
                         (front, angle), (back, angle + math.pi)):
        if hip == .5 and part in (front, back):
            continue
        plan.paint(place(part, x, y, length, width, angle),
                   plan.shaded(roof, plan.light(normal)), STRUCTURE, thing)
    ridge = plan.shaded(roof, 1.25, height=tall + 1.5)
    plan.paint(place(rect(0, 0, 2 * hip, .045), x, y, length, width, angle),
               ridge, STRUCTURE, thing)
    if rng.random() < .6:
        chimney = plan.surface(leaf, (.13, .10, .09), height=tall + 3)
        plan.paint(rect(*place([(rng.uniform(-.3, .3), .16)], x, y, length,
                               width, angle)[0], .9, .8, angle), chimney,
                   STRUCTURE, thing)
    elif rng.random() < .4:
        panel = plan.surface(leaf, (.03, .04, .08), 'metal',
                             height=tall + .2)
        side = math.copysign(.27, math.sin(plan.sun - angle))
        plan.paint(place(rect(.05, side, .4, .28), x, y, length, width,
                         angle), panel, STRUCTURE, thing)
    return thing


def flat(plan: Plan, x: float, y: float, length: float, width: float,
         angle: float, leaf: str, tall: float) -> int:
    """A flat roof with parapet and machinery, or ribs on a metal one.

    Returns:
        int: Index of the annotated thing.
    """
    rng = plan.rng
    palette = plan.style.flat
    colour = rng.choice(list(palette))
    outline = rect(x, y, length, width, angle)
    thing = plan.add_thing('building', outline, angle, colour)
    ribs = leaf in ('industrial building', 'hangar', 'farm building')
    across = {}
    if ribs:
        wave = 2 * math.pi / rng.uniform(1.4, 2.4)
        across = dict(row_amp=rng.uniform(.04, .10),
                      row_x=wave * math.cos(angle),
                      row_y=wave * math.sin(angle))
    roof = plan.surface(leaf, palette[colour], _material(leaf, colour),
                        jitter=.2, height=tall, fine=.06, medium=.05,
                        coarse=.05, **across)
    edge = plan.shaded(roof, 1.3 if colour != 'white' else .8, row_amp=0,
                       height=tall + .6)
    plan.paint(outline, edge, STRUCTURE, thing)
    inner = rect(x, y, length - 1.0, width - 1.0, angle)
    plan.paint(inner, roof, STRUCTURE, thing)
    if ribs:
        lit = plan.light(angle + math.pi / 2)
        half = [(-.5, 0), (.5, 0), (.5, .5), (-.5, .5)]
        plan.paint(place(half, x, y, length - 1, width - 1, angle),
                   plan.shaded(roof, lit), STRUCTURE, thing)
    gear = plan.surface(leaf, (.34, .34, .34), 'metal', height=tall + 2)
    for _ in range(int(length * width / 130) + 1):
        px, py = rng.uniform(-.4, .4), rng.uniform(-.38, .38)
        cx, cy = place([(px, py)], x, y, length, width, angle)[0]
        plan.paint(rect(cx, cy, rng.uniform(1.2, 3), rng.uniform(1, 2),
                        angle), gear, STRUCTURE, thing)
    if rng.random() < .3:
        dark = plan.surface(leaf, (.04, .05, .09), 'metal',
                            height=tall + .4)
        for i in range(3):
            plan.paint(place(rect(-.15, -.3 + .2 * i, .5, .1), x, y, length,
                             width, angle), dark, STRUCTURE, thing)
    return thing
