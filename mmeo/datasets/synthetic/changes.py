# Copyright (c) mmeo contributors. All rights reserved.
"""What differs between the two dates.

Vehicles, ships and aircraft come and go, light and season change: no change
label counts that. Buildings are added and removed, which is what it marks.
"""

from mmeo.datasets.synthetic.plan import (
    BOTH,
    FIRST,
    GROUND,
    MOVABLE,
    SECOND,
    Plan,
)


def assign_dates(plan: Plan, share: list[float]) -> None:
    """Decide on which dates each thing is there.

    Four scenes out of five in which buildings are seen get at least one
    change.

    Args:
        plan (Plan): A composed scene; its things are updated.
        share (list[float]): Visible share of every thing, 0 to 1.
    """
    rng = plan.rng
    for thing in plan.things:
        draw = rng.random()
        if thing.name in ('small-vehicle', 'large-vehicle'):
            thing.when = BOTH if draw < .3 else FIRST if draw < .75 \
                else SECOND
        elif thing.name in MOVABLE:
            thing.when = BOTH if draw < .75 else FIRST if draw < .9 \
                else SECOND
    seen = [i for i, thing in enumerate(plan.things)
            if thing.name == 'building' and share[i] > .1]
    if not seen or rng.random() < .2:
        return
    count = max(1, round(len(seen) * rng.uniform(.1, .4)))
    for index in rng.sample(seen, count):
        plan.things[index].when = SECOND if rng.random() < .6 else FIRST
        if rng.random() < .5:
            _bare_site(plan, index)


def _bare_site(plan: Plan, index: int) -> None:
    """Open soil where a building is missing on one of the dates."""
    thing = plan.things[index]
    soil = plan.surface('construction site', (.28, .21, .15), jitter=.2,
                        fine=.09, medium=.08)
    plan.paint(thing.outline, soil, GROUND, when=BOTH & ~thing.when)
