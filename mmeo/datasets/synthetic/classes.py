# Copyright (c) mmeo contributors. All rights reserved.
"""What SynthEarth can contain: the class tree and the object classes.

The tree has three levels (6 groups, 16 kinds, 44 leaves). Leaf ids start at 1
because 0 means *no data* in every raster; ids are positions in
:data:`LEAVES`, so append new leaves at the end.
"""

from typing import NamedTuple

LOVEDA_CLASSES = ('background', 'building', 'road', 'water', 'barren',
                  'forest', 'agriculture')
BACKGROUND, BUILDING, ROAD, WATER, BARREN, FOREST, AGRICULTURE = range(1, 8)

# Order and spelling of DOTA-v1.0.
DOTA_CLASSES = ('plane', 'baseball-diamond', 'bridge', 'ground-track-field',
                'small-vehicle', 'large-vehicle', 'ship', 'tennis-court',
                'basketball-court', 'storage-tank', 'soccer-ball-field',
                'roundabout', 'harbor', 'swimming-pool', 'helicopter')
# Horizontal boxes and polygons know buildings as well.
INSTANCE_CLASSES = (*DOTA_CLASSES, 'building')


class Leaf(NamedTuple):
    """A leaf of the class tree.

    Args:
        name (str): Unique name.
        kind (str): Parent on level 2.
        loveda (int): Value in the LoveDA legend, 1 to 7.
        colour (tuple[int]): RGB used in pictures.
    """

    name: str
    kind: str
    loveda: int
    colour: tuple[int, int, int]


GROUPS = {
    'built-up': (200, 60, 60), 'transport': (130, 130, 130),
    'water': (60, 110, 220), 'vegetation': (40, 150, 60),
    'agriculture': (230, 200, 80), 'bare land': (170, 130, 90),
}
# kind -> (group, colour)
KINDS = {
    'residential building': ('built-up', (220, 70, 70)),
    'non-residential building': ('built-up', (170, 50, 90)),
    'facility': ('built-up', (240, 130, 110)),
    'street': ('transport', (110, 110, 110)),
    'airfield': ('transport', (150, 150, 175)),
    'crossing and quay': ('transport', (175, 165, 140)),
    'vehicle': ('transport', (250, 150, 20)),
    'craft': ('transport', (255, 90, 200)),
    'inland water': ('water', (70, 140, 230)),
    'sea': ('water', (30, 70, 180)),
    'forest': ('vegetation', (10, 100, 40)),
    'herbaceous': ('vegetation', (120, 190, 90)),
    'arable': ('agriculture', (240, 220, 110)),
    'permanent crop': ('agriculture', (190, 160, 40)),
    'natural bare': ('bare land', (200, 170, 120)),
    'worked bare': ('bare land', (140, 100, 70)),
}
# Paved surfaces count as road and craft as background in the LoveDA legend:
# our choice, as its definition names neither.
LEAVES = (
    Leaf('house', 'residential building', BUILDING, (230, 60, 60)),
    Leaf('apartment block', 'residential building', BUILDING, (200, 40, 60)),
    Leaf('commercial building', 'non-residential building', BUILDING,
         (180, 30, 100)),
    Leaf('industrial building', 'non-residential building', BUILDING,
         (150, 60, 130)),
    Leaf('hangar', 'non-residential building', BUILDING, (120, 50, 110)),
    Leaf('farm building', 'non-residential building', BUILDING,
         (190, 80, 70)),
    Leaf('storage tank', 'facility', BACKGROUND, (250, 160, 150)),
    Leaf('tennis court', 'facility', BACKGROUND, (60, 170, 170)),
    Leaf('hard court', 'facility', BACKGROUND, (90, 120, 190)),
    Leaf('sports field', 'facility', BACKGROUND, (110, 220, 60)),
    Leaf('swimming pool', 'facility', BACKGROUND, (60, 230, 255)),
    Leaf('playground', 'facility', BACKGROUND, (240, 190, 120)),
    Leaf('asphalt road', 'street', ROAD, (90, 90, 90)),
    Leaf('dirt road', 'street', ROAD, (150, 125, 95)),
    Leaf('pavement', 'street', ROAD, (160, 160, 160)),
    Leaf('car park', 'street', ROAD, (120, 120, 135)),
    Leaf('apron', 'airfield', ROAD, (170, 170, 190)),
    Leaf('runway', 'airfield', ROAD, (100, 100, 130)),
    Leaf('bridge', 'crossing and quay', ROAD, (190, 160, 160)),
    Leaf('quay', 'crossing and quay', ROAD, (185, 175, 150)),
    Leaf('pier', 'crossing and quay', BACKGROUND, (150, 120, 100)),
    Leaf('small vehicle', 'vehicle', ROAD, (255, 170, 0)),
    Leaf('large vehicle', 'vehicle', ROAD, (255, 110, 0)),
    Leaf('aircraft', 'craft', BACKGROUND, (255, 60, 220)),
    Leaf('ship', 'craft', BACKGROUND, (200, 60, 255)),
    Leaf('river', 'inland water', WATER, (60, 130, 230)),
    Leaf('lake', 'inland water', WATER, (80, 160, 240)),
    Leaf('harbour water', 'sea', WATER, (20, 60, 170)),
    Leaf('broadleaf forest', 'forest', FOREST, (20, 120, 40)),
    Leaf('conifer forest', 'forest', FOREST, (0, 80, 50)),
    Leaf('single tree', 'forest', FOREST, (50, 140, 60)),
    Leaf('lawn', 'herbaceous', BACKGROUND, (140, 210, 110)),
    Leaf('meadow', 'herbaceous', BACKGROUND, (160, 200, 80)),
    Leaf('shrub', 'herbaceous', BACKGROUND, (110, 150, 70)),
    Leaf('wheat', 'arable', AGRICULTURE, (245, 222, 130)),
    Leaf('maize', 'arable', AGRICULTURE, (225, 200, 60)),
    Leaf('rapeseed', 'arable', AGRICULTURE, (255, 240, 60)),
    Leaf('sugar beet', 'arable', AGRICULTURE, (200, 210, 90)),
    Leaf('fallow', 'arable', AGRICULTURE, (200, 170, 120)),
    Leaf('orchard', 'permanent crop', AGRICULTURE, (170, 170, 40)),
    Leaf('vineyard', 'permanent crop', AGRICULTURE, (190, 140, 60)),
    Leaf('sand', 'natural bare', BARREN, (230, 210, 160)),
    Leaf('gravel', 'natural bare', BARREN, (175, 160, 140)),
    Leaf('construction site', 'worked bare', BARREN, (150, 105, 70)),
)
LEAF_IDS = {leaf.name: index for index, leaf in enumerate(LEAVES, start=1)}
BUILDING_LEAVES = tuple(LEAF_IDS[leaf.name] for leaf in LEAVES
                        if leaf.loveda == BUILDING)


def leaves_of(group: str) -> tuple[int, ...]:
    """Leaf ids below a level-1 group or a level-2 kind."""
    return tuple(LEAF_IDS[leaf.name] for leaf in LEAVES
                 if group in (leaf.kind, KINDS[leaf.kind][0]))


def class_tree() -> dict:
    """The tree as it is written to ``semantics.json``.

    Returns:
        dict: ``levels`` (three lists, coarse to fine, of ``id, name, parent,
        colour``; ids count from 1 on each level and ``parent`` is an id of
        the level above, None on the first), ``no_data`` (0) and ``loveda``
        with ``names``, their ``values`` and ``leaf_to_loveda`` (leaf id as
        string -> value).
    """
    groups, kinds = list(GROUPS), list(KINDS)
    levels = [
        [dict(id=index, name=name, parent=None, colour=list(colour))
         for index, (name, colour) in enumerate(GROUPS.items(), start=1)],
        [dict(id=index, name=name, parent=groups.index(group) + 1,
              colour=list(colour))
         for index, (name, (group, colour))
         in enumerate(KINDS.items(), start=1)],
        [dict(id=index, name=leaf.name, parent=kinds.index(leaf.kind) + 1,
              colour=list(leaf.colour))
         for index, leaf in enumerate(LEAVES, start=1)],
    ]
    return dict(
        no_data=0,
        levels=levels,
        loveda=dict(
            names=['no-data', *LOVEDA_CLASSES],
            values=list(range(len(LOVEDA_CLASSES) + 1)),
            leaf_to_loveda={str(index): leaf.loveda for index, leaf
                            in enumerate(LEAVES, start=1)}))
