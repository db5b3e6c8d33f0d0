# Copyright (c) mmeo contributors. All rights reserved.
"""FAIR1M: 37 fine classes, read in DOTA's text form after conversion."""

from mmeo.registry import DATASETS

from .dota import DOTADataset

#: Coarse class to fine ones, as FAIR1M's XML files write them.
FAIR1M_GROUPS = dict(
    airplane=('Boeing737', 'Boeing747', 'Boeing777', 'Boeing787', 'C919',
              'A220', 'A321', 'A330', 'A350', 'ARJ21', 'other-airplane'),
    ship=('Passenger Ship', 'Motorboat', 'Fishing Boat', 'Tugboat',
          'Engineering Ship', 'Liquid Cargo Ship', 'Dry Cargo Ship',
          'Warship', 'other-ship'),
    vehicle=('Small Car', 'Bus', 'Cargo Truck', 'Dump Truck', 'Van',
             'Trailer', 'Tractor', 'Excavator', 'Truck Tractor',
             'other-vehicle'),
    court=('Basketball Court', 'Tennis Court', 'Football Field',
           'Baseball Field'),
    road=('Intersection', 'Roundabout', 'Bridge'))
FAIR1M_CLASSES = tuple(name for group in FAIR1M_GROUPS.values()
                       for name in group)
_HUES = dict(airplane=(230, 60, 60), ship=(40, 110, 230),
             vehicle=(240, 160, 30), court=(60, 180, 75),
             road=(140, 140, 140))


def to_word(name: str) -> str:
    """A class name without spaces, for DOTA's text form."""
    return name.replace(' ', '_')


def _shade(hue: tuple[int, int, int], index: int, number: int) -> tuple:
    """A colour of a group, from full to two fifths."""
    factor = 1 - 0.6 * index / max(number - 1, 1)
    return tuple(round(value * factor) for value in hue)


@DATASETS.register_module()
class FAIR1MDataset(DOTADataset):
    """FAIR1M in patches, labels converted to text.

    Names are those of the XML files with underscores for spaces, grouped by
    coarse class; the order and the colours are our choice.
    """

    METAINFO = dict(
        classes=tuple(map(to_word, FAIR1M_CLASSES)),
        palette=[_shade(_HUES[group], i, len(names))
                 for group, names in FAIR1M_GROUPS.items()
                 for i in range(len(names))])
