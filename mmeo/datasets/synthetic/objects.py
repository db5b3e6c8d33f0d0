# Copyright (c) mmeo contributors. All rights reserved.
"""Movable objects: vehicles, aircraft and ships. Sizes are in metres."""

import math

from mmeo.datasets.synthetic.geometry import circle, place, rect
from mmeo.datasets.synthetic.plan import OBJECT, Plan

CAR_COLOURS = {
    'white': (.62, .62, .62), 'grey': (.22, .22, .23),
    'black': (.03, .03, .035), 'silver': (.38, .39, .40),
    'red': (.34, .03, .03), 'blue': (.05, .09, .30),
}
_CAR_WEIGHTS = (30, 22, 16, 18, 7, 7)
TRUCK_COLOURS = {
    'white': (.66, .66, .65), 'grey': (.30, .30, .30),
    'blue': (.06, .12, .34), 'red': (.34, .05, .04),
    'green': (.07, .22, .10), 'yellow': (.60, .44, .05),
}
SHIP_COLOURS = {
    'white': (.60, .60, .58), 'grey': (.26, .27, .28),
    'red': (.30, .07, .05), 'blue': (.06, .11, .24),
}
# Nose along +x; mirrored below.
_PLANE = [(.50, 0), (.475, .022), (.42, .042), (.16, .047), (-.02, .30),
          (-.13, .47), (-.175, .47), (-.10, .25), (-.07, .045), (-.34, .035),
          (-.42, .165), (-.465, .165), (-.44, .02), (-.50, 0)]
PLANE = _PLANE + [(x, -y) for x, y in _PLANE[-2:0:-1]]
HULL = [(.50, 0), (.40, .28), (.24, .46), (0, .5), (-.46, .46), (-.5, .40),
        (-.5, -.40), (-.46, -.46), (0, -.5), (.24, -.46), (.40, -.28)]
CAR = [(.5, .32), (.44, .5), (-.46, .5), (-.5, .40), (-.5, -.40),
       (-.46, -.5), (.44, -.5), (.5, -.32)]
_CABIN, _ROOF = rect(-.06, 0, .58, .80), rect(-.08, 0, .30, .78)
FUSELAGE = [(.50, 0), (.47, .5), (.38, .95), (.2, 1), (-.2, 1), (-.36, .7),
            (-.5, .1), (-.5, -.1), (-.36, -.7), (-.2, -1), (.2, -1),
            (.38, -.95), (.47, -.5)]
# Body and rotor disc.
HELICOPTER = [(.50, 0), (.40, .26), (.14, .36), (-.12, .26), (-.20, .06),
              (-.50, .09), (-.50, -.09), (-.20, -.06), (-.12, -.26),
              (.14, -.36), (.40, -.26)]
_BODY = [(.42, 0), (.36, .10), (.20, .14), (.02, .12), (-.12, .03),
              (-.42, .025), (-.44, .09), (-.50, .09), (-.50, -.09),
              (-.44, -.09), (-.42, -.025), (-.12, -.03), (.02, -.12),
              (.20, -.14), (.36, -.10)]


def small_vehicle(plan: Plan, x: float, y: float, angle: float) -> None:
    """A car of about 4.5 m with dark windows."""
    rng = plan.rng
    colour = rng.choices(list(CAR_COLOURS), _CAR_WEIGHTS)[0]
    length, width = rng.uniform(4.0, 4.9), rng.uniform(1.75, 2.0)
    outline = place(CAR, x, y, length, width, angle)
    thing = plan.add_thing('small-vehicle', outline, angle, colour)
    body, glass, roof = plan.reuse(('car', colour, rng.randrange(3)),
                                   lambda: _car_surfaces(plan, colour))
    plan.paint(outline, body, OBJECT, thing)
    plan.paint(place(_CABIN, x, y, length, width, angle),
               glass, OBJECT, thing)
    plan.paint(place(_ROOF, x, y, length, width, angle),
               roof, OBJECT, thing)


def _car_surfaces(plan: Plan, colour: str) -> tuple[int, ...]:
    body = plan.surface('small vehicle', CAR_COLOURS[colour], 'metal',
                        jitter=.15, height=1.3, fine=.03)
    glass = plan.surface('small vehicle', (.035, .04, .05), 'metal',
                         height=1.4)
    return body, glass, plan.shaded(body, 1.06, height=1.6)


def large_vehicle(plan: Plan, x: float, y: float, angle: float,
                  length: float | None = None) -> None:
    """A lorry with a box body, 7 to 14 m."""
    rng = plan.rng
    colour = rng.choices(list(TRUCK_COLOURS), (38, 16, 14, 12, 10, 10))[0]
    length = length or rng.uniform(7.5, 14)
    width = 2.55
    outline = rect(x, y, length, width, angle)
    thing = plan.add_thing('large-vehicle', outline, angle, colour)
    load = plan.surface('large vehicle', TRUCK_COLOURS[colour], 'metal',
                        jitter=.12, height=3.6, fine=.04)
    other = rng.choice(list(TRUCK_COLOURS.values()))
    cab = plan.surface('large vehicle', other, 'metal', height=2.8)
    glass = plan.surface('large vehicle', (.04, .045, .05), 'metal',
                         height=2.9)
    plan.paint(outline, load, OBJECT, thing)
    part = 2.3 / length
    plan.paint(place(rect(.5 - part / 2, 0, part, 1), x, y, length, width,
                     angle), cab, OBJECT, thing)
    plan.paint(place(rect(.5 - part * .35, 0, part * .22, .9), x, y, length,
                     width, angle), glass, OBJECT, thing)
    plan.paint(place(rect(.5 - part * 1.06, 0, .35 / length, 1), x, y,
                     length, width, angle), glass, OBJECT, thing)


def plane(plan: Plan, x: float, y: float, angle: float,
          length: float) -> None:
    """An airliner or a smaller aircraft seen from above."""
    rng = plan.rng
    tone = rng.uniform(.48, .66)
    outline = place(PLANE, x, y, length, length * rng.uniform(.92, 1.04),
                    angle)
    grey = rng.random() < .2
    thing = plan.add_thing('plane', outline, angle,
                           'grey' if grey else 'white')
    tone *= .45 if grey else 1
    wing = plan.surface('aircraft', (tone * .86, tone * .87, tone * .9),
                        'metal', height=3.5, fine=.05)
    body = plan.surface('aircraft', (tone, tone, tone * 1.01), 'metal',
                        height=5)
    shade = plan.shaded(body, .72)
    glass = plan.surface('aircraft', (.05, .05, .06), 'metal', height=5)
    livery = plan.surface('aircraft', rng.choice(
        [(.35, .04, .05), (.05, .10, .34), (.05, .25, .16), (.5, .33, .05)]),
        'metal', height=8)
    plan.paint(outline, wing, OBJECT, thing)
    tube = length * .094
    for side in (1, -1):
        engine = rect(.06, .19 * side, .085, .030)
        plan.paint(place(engine, x, y, length, length, angle), shade, OBJECT,
                   thing)
    plan.paint(place(FUSELAGE, x, y, length, tube / 2, angle), shade, OBJECT,
               thing)
    lit = .22 * math.copysign(1, math.sin(plan.sun - angle))
    plan.paint(place([(px, py * .72 + lit) for px, py in FUSELAGE], x, y,
                     length * .97, tube / 2, angle), body, OBJECT, thing)
    plan.paint(place(rect(.465, 0, .018, .035), x, y, length, length, angle),
               glass, OBJECT, thing)
    plan.paint(place(rect(-.42, 0, .13, .018), x, y, length, length, angle),
               livery, OBJECT, thing)


def helicopter(plan: Plan, x: float, y: float, angle: float) -> None:
    """A helicopter of 13 m with its rotor at rest."""
    rng = plan.rng
    colour = rng.choice(['white', 'red', 'green', 'yellow'])
    length = rng.uniform(12, 14)
    outline = place(HELICOPTER, x, y, length, length, angle)
    thing = plan.add_thing('helicopter', outline, angle, colour)
    body = plan.surface('aircraft', TRUCK_COLOURS[colour], 'metal',
                        height=3)
    blade = plan.surface('aircraft', (.06, .06, .06), 'metal', height=3.6)
    plan.paint(place(_BODY, x, y, length, length, angle), body, OBJECT,
               thing)
    hub = place([(.14, 0)], x, y, length, length, angle)[0]
    turn = rng.uniform(0, math.pi)
    for quarter in (0, math.pi / 2):
        plan.paint(rect(*hub, length * .70, .45, turn + quarter), blade,
                   OBJECT, thing)


def ship(plan: Plan, x: float, y: float, angle: float, length: float,
         moving: bool = False) -> None:
    """A boat (below 20 m) or a cargo ship with hatches and bridge."""
    rng = plan.rng
    small = length < 20
    colour = 'white' if small and rng.random() < .75 else \
        rng.choice(list(SHIP_COLOURS))
    width = length * (rng.uniform(.28, .34) if small
                      else rng.uniform(.15, .18))
    outline = place(HULL, x, y, length, width, angle)
    thing = plan.add_thing('ship', outline, angle, colour)
    if moving:
        foam = plan.surface('harbour water', (.075, .10, .105), 'water',
                            fine=.35, ripple=.25)
        wake = [(-.3, .45), (-.3, -.45), (-1.3, -.75), (-1.7, -.3),
                (-1.4, 0), (-1.7, .3), (-1.3, .75)]
        plan.paint(place(wake, x, y, length, width, angle), foam,
                   OBJECT - 1, thing)
    hull = plan.surface('ship', SHIP_COLOURS[colour], 'metal', jitter=.12,
                        height=2 if small else 6, fine=.05)
    deck = plan.surface('ship', (.30, .22, .14) if small else
                        rng.choice([(.22, .10, .07), (.16, .24, .18),
                                    (.27, .27, .26)]), 'metal',
                        height=2 if small else 6, fine=.07)
    cabin = plan.surface('ship', (.60, .60, .60), 'metal',
                         height=3 if small else 15)
    plan.paint(outline, hull, OBJECT, thing)
    plan.paint(place(HULL, x, y, length * .9, width * .78, angle), deck,
               OBJECT, thing)
    if small:
        plan.paint(place(rect(.02, 0, .34, .56), x, y, length, width, angle),
                   cabin, OBJECT, thing)
        glass = plan.surface('ship', (.04, .05, .06), 'metal', height=3)
        plan.paint(place(rect(.17, 0, .07, .5), x, y, length, width, angle),
                   glass, OBJECT, thing)
        return
    count = max(3, int(length / 11))
    boxes = rng.random() < .55
    for i in range(count):
        tone = rng.choice(list(TRUCK_COLOURS.values())) if boxes \
            else (.30, .29, .27)
        hatch = plan.surface('ship', tone, 'metal', height=9, fine=.06)
        plan.paint(place(rect(-.22 + .60 * (i + .5) / count, 0,
                              .50 / count, .62), x, y, length, width,
                         angle), hatch, OBJECT, thing)
    plan.paint(place(rect(-.36, 0, .13, .8), x, y, length, width, angle),
               cabin, OBJECT, thing)
    plan.paint(place(circle(-.42, 0, .25, 10), x, y, length * .06,
                     width * .4, angle), plan.shaded(deck, 1.3), OBJECT,
               thing)
