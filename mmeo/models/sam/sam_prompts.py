# Copyright (c) mmeo contributors. All rights reserved.
"""From the mask that shows a class to prompts in SAM's own form."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy import ndimage

from mmeo.errors import ConfigError

#: What a mask may stand for.
KINDS = ('mask', 'box', 'point')
#: One prompt for each connected region of a class, or one for all of it.
GROUPS = ('region', 'class')


@dataclass
class SAMPrompt:
    """One question to SAM: which object is this?

    Args:
        class_id (int): Number of the class in the episode.
        points (np.ndarray, optional): ``(P, 2)`` x and y of pixels on it.
        box (np.ndarray, optional): ``(4, )`` x1, y1, x2, y2, the last pixel
            included.
        mask (np.ndarray, optional): ``(H, W)`` bool.
    """

    class_id: int
    points: Optional[np.ndarray] = None
    box: Optional[np.ndarray] = None
    mask: Optional[np.ndarray] = None

    @property
    def form(self) -> tuple[int, bool, bool]:
        """Prompts of one form fit in one tensor."""
        points = 0 if self.points is None else len(self.points)
        return points, self.box is not None, self.mask is not None


def region_prompts(mask: np.ndarray, class_id: int, kind: str = 'mask',
                   group: str = 'region',
                   radius: float = 8.) -> list[SAMPrompt]:
    """The prompts that say the same as a mask.

    SAM segments one object for each prompt, while a class may have many, so
    by default each connected region (8 neighbours) is asked for by itself.
    SAM was trained to refine a mask together with a point or box, so a mask
    is given with its box. All this is our choice: the paper names SAM and
    SAM2 without saying how they were prompted.

    Args:
        mask (np.ndarray): ``(H, W)`` bool.
        class_id (int): Number of the class in the episode.
        kind (str): What the mask stands for: ``'mask'`` itself, ``'box'``,
            the boxes whose filled areas it is, or ``'point'``, the points
            whose disks it is; of a region without room for a disk, or with
            room for more than one, its innermost pixel. Boxes that overlap
            are one. Defaults to 'mask'.
        group (str): ``'region'`` or ``'class'``, see :data:`GROUPS`.
            Defaults to 'region'.
        radius (float): Of a point's disk in pixels. Defaults to 8.

    Returns:
        list[SAMPrompt]: None for an empty mask.

    Raises:
        ConfigError: If ``kind`` or ``group`` is unknown.
    """
    if kind not in KINDS:
        raise ConfigError(f'a prompt of kind {kind!r}: SAM takes '
                          f'{", ".join(KINDS)}')
    if group not in GROUPS:
        raise ConfigError(f'group={group!r}: choose from {", ".join(GROUPS)}')
    regions = list(_regions(mask))
    if not regions:
        return []
    if kind == 'point':
        points = [point for region in regions
                  for point in _centres(region, radius)]
        if group == 'class':
            return [SAMPrompt(class_id, points=np.stack(points))]
        return [SAMPrompt(class_id, points=point[None]) for point in points]
    if group == 'class':
        regions = [mask.astype(bool)]
    return [SAMPrompt(class_id, box=_box(region),
                      mask=region if kind == 'mask' else None)
            for region in regions]


def _regions(mask: np.ndarray) -> Iterator[np.ndarray]:
    """Connected regions, each a mask of the whole image."""
    labels, number = ndimage.label(mask, structure=np.ones((3, 3)))
    for i in range(1, number + 1):
        yield labels == i


def _box(region: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(region)
    return np.array([columns.min(), rows.min(), columns.max(), rows.max()],
                    dtype=np.float32)


def _centres(region: np.ndarray, radius: float) -> list[np.ndarray]:
    """Centres of the disks that a region consists of."""
    # A disk fits where the next pixel outside is farther than its radius.
    # What lies beyond the image is not outside: it may have cut a disk.
    depth = _depth(region)
    spots = list(_regions(depth > radius)) or [region]
    return [_innermost(spot, depth) for spot in spots]


def _depth(region: np.ndarray) -> np.ndarray:
    """Distance of each pixel to the next one outside of the region."""
    if region.all():  # of nothing outside, scipy returns no distance
        region = np.pad(region, 1)
        return ndimage.distance_transform_edt(region)[1:-1, 1:-1]
    return ndimage.distance_transform_edt(region)


def _innermost(spot: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The deepest pixel of a spot; of several the one in their middle."""
    deepest = np.argwhere(spot & (depth == depth[spot].max()))
    middle = np.abs(deepest - deepest.mean(axis=0)).sum(axis=1).argmin()
    y, x = deepest[middle]
    return np.array([x, y], dtype=np.float32)
