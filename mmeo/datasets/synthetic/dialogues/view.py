# Copyright (c) mmeo contributors. All rights reserved.
"""What is known of a scene at the resolution of the dialogues' images."""

from dataclasses import asdict, dataclass

import numpy as np

from mmeo.datasets.synthetic.annotations import Instance, annotate
from mmeo.datasets.synthetic.classes import LEAVES, LOVEDA_CLASSES
from mmeo.datasets.synthetic.plan import BOTH, FIRST, SECOND
from mmeo.datasets.synthetic.raster import Scene

FACTOR = 2  # pixels of the scene along a pixel of the images
#: Pixels; what is smaller is annotated, but nobody is asked about it.
MIN_SIDE = 6.0
#: Objects that can be told apart at this resolution.
KINDS = ('building', 'large-vehicle', 'roundabout', 'ship',
         'soccer-ball-field', 'storage-tank', 'plane', 'bridge',
         'swimming-pool', 'basketball-court', 'harbor', 'tennis-court')
#: Names of the values of the label maps, from 0 on.
COVERS = LOVEDA_CLASSES
URBAN_SHARE = .45  # of buildings and paved ground; about half of the scenes

_LEGEND = np.array([0] + [leaf.loveda - 1 for leaf in LEAVES], np.uint8)
_CHANGE = {BOTH: 'none', FIRST: 'removed', SECOND: 'added'}


@dataclass
class Seen:
    """An annotated object of either date.

    Attributes:
        kind (str): One of ``KINDS``.
        box (list[float]): ``x1, y1, x2, y2`` in pixels of the images.
        colour (str): Colour word, maybe ''.
        change (str): 'none' (on both dates), 'removed' or 'added'.
    """

    kind: str
    box: list[float]
    colour: str
    change: str

    @property
    def clear(self) -> bool:
        """Large enough to ask about."""
        x1, y1, x2, y2 = self.box
        return min(x2 - x1, y2 - y1) >= MIN_SIDE


@dataclass
class View:
    """What a scene's dialogues are made from.

    Attributes:
        stem (str): Name of the scene's files.
        theme (str): What kind of place it is.
        size (int): Side of the images in pixels.
        objects (list[Seen]): Objects of both dates.
        cover (ndarray): ``(size, size)`` uint8, places in ``COVERS``, on the
            first date.
        changed (ndarray): ``(size, size)`` uint8, 1 where a building stands
            on one date only.
    """

    stem: str
    theme: str
    size: int
    objects: list[Seen]
    cover: np.ndarray
    changed: np.ndarray

    @property
    def first(self) -> list[Seen]:
        """Objects of the first date."""
        return [item for item in self.objects if item.change != 'added']

    @property
    def shares(self) -> np.ndarray:
        """``(7,)`` shares of the image of each cover."""
        return np.bincount(self.cover.ravel(),
                           minlength=len(COVERS)) / self.cover.size

    @property
    def urban(self) -> bool:
        """Buildings and paved ground take 45 % or more."""
        shares = self.shares
        return bool(shares[COVERS.index('building')] +
                    shares[COVERS.index('road')] >= URBAN_SHARE)

    def to_dict(self) -> dict:
        """All but the maps, for a file."""
        return dict(id=self.stem, theme=self.theme, size=self.size,
                    objects=[asdict(item) for item in self.objects])


def view_of(scene: Scene, stem: str) -> View:
    """Look at a scene.

    Args:
        scene (Scene): Its size is a multiple of ``FACTOR``.
        stem (str): Name of its files.
    """
    items = {item.thing: item for when in (SECOND, FIRST)
             for item in annotate(scene, when) if item.name in KINDS}
    objects = [_seen(items[thing], scene.plan.things[thing].when)
               for thing in sorted(items)]
    changed = scene.buildings(FIRST) != scene.buildings(SECOND)
    return View(
        stem, scene.plan.theme, scene.size // FACTOR, objects,
        commonest(_LEGEND[scene.leaves(FIRST)], len(COVERS)),
        # Of a tie the larger value: half a changed pixel has changed.
        1 - commonest(1 - changed.astype(np.uint8), 2))


def commonest(values: np.ndarray, count: int) -> np.ndarray:
    """Commonest value of each ``FACTOR x FACTOR`` pixels.

    Args:
        values (ndarray): ``(H, W)`` uint8, below ``count``.
        count (int): Number of values.

    Returns:
        ndarray: ``(H / FACTOR, W / FACTOR)`` uint8; of a tie the smaller.
    """
    rows, cols = (side // FACTOR for side in values.shape)
    blocks = values.reshape(rows, FACTOR, cols, FACTOR)
    votes = [(blocks == value).sum((1, 3)) for value in range(count)]
    return np.argmax(votes, 0).astype(np.uint8)


def _seen(item: Instance, when: int) -> Seen:
    box = [round(value / FACTOR, 2) for value in item.box]
    return Seen(item.name, box, item.colour, _CHANGE[when])
