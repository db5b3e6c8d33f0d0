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
Window = tuple[slice, slice]


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
    mask = mask.astype(bool)
    if kind == 'point':
        points = _points(mask, radius)
        if group == 'class':
            points = [np.concatenate(points)] if points else []
        return [SAMPrompt(class_id, points=each) for each in points]
    labels = _label(mask) if group == 'region' else mask.astype(np.uint8)
    return [SAMPrompt(class_id, box=_box(window),
                      mask=labels == number if kind == 'mask' else None)
            for number, window in _windows(labels)]


def _label(mask: np.ndarray) -> np.ndarray:
    """Connected regions by number, from 1."""
    return ndimage.label(mask, structure=np.ones((3, 3)))[0]


def _windows(labels: np.ndarray) -> Iterator[tuple[int, Window]]:
    """Number and bounding window of each region."""
    for number, window in enumerate(ndimage.find_objects(labels), 1):
        if window is not None:
            yield number, window


def _box(window: Window) -> np.ndarray:
    rows, columns = window
    return np.array([columns.start, rows.start, columns.stop - 1,
                     rows.stop - 1], dtype=np.float32)


def _points(mask: np.ndarray, radius: float) -> list[np.ndarray]:
    """Centres ``(1, 2)`` of the disks that a mask consists of."""
    # A disk fits where the next pixel outside is farther than its radius.
    # What lies beyond the image is not outside: it may have cut a disk.
    depth = _depth(mask)
    spots = _label(depth > radius)
    regions = _label(mask)
    # Regions in which no disk fits are asked for all the same.
    regions[np.isin(regions, np.unique(regions[spots > 0]))] = 0
    return [_innermost(labels[window] == number, depth, window)
            for labels in (spots, regions)
            for number, window in _windows(labels)]


def _depth(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel to the next one outside of the mask."""
    if mask.all():  # of nothing outside, scipy returns no distance
        padded = ndimage.distance_transform_edt(np.pad(mask, 1))
        return padded[1:-1, 1:-1]
    return ndimage.distance_transform_edt(mask)


def _innermost(spot: np.ndarray, depth: np.ndarray,
               window: Window) -> np.ndarray:
    """The deepest pixel of a spot, ``(1, 2)``; of several a middle one."""
    depth = np.where(spot, depth[window], 0)
    deepest = np.argwhere(depth == depth.max())
    middle = np.abs(deepest - deepest.mean(axis=0)).sum(axis=1).argmin()
    y, x = deepest[middle] + [side.start for side in window]
    return np.array([[x, y]], dtype=np.float32)
