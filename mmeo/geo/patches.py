# Copyright (c) mmeo contributors. All rights reserved.
"""Patches of a large image: their names, and boxes between the two frames."""

import re
from typing import NamedTuple

import numpy as np

from mmeo.errors import ConfigError, DataError

from .box_pairs import BOX_COLUMNS, check_box_type

_NAME = re.compile(r'(?P<image>.+)__(?P<size>\d+(\.\d+)?)__(?P<x>-?\d+)___'
                   r'(?P<y>-?\d+)')
# DOTA's own tool writes the scale of the image, 0.25 to 4, into the second
# field, mmrotate's the width of the window, which is never that small.
_LARGEST_SCALE = 16


class PatchName(NamedTuple):
    """Where a patch was cut out.

    Args:
        image (str): Name of the large image, without suffix.
        scale (float): Factor by which the image was enlarged before.
        x (int): Left edge in the enlarged image, in pixels.
        y (int): Upper edge.
    """

    image: str
    scale: float
    x: int
    y: int

    def __str__(self) -> str:
        """E.g. ``P0001__1.0__824___0``."""
        return f'{self.image}__{float(self.scale)}__{self.x}___{self.y}'


def parse_patch_name(name: str) -> PatchName:
    """Read ``IMAGE__SCALE__X___Y``, as DOTA's tools name patches.

    mmrotate's ``IMAGE__WIDTH__X___Y`` is read as well: a second field above
    16 is the width of the window, and the scale 1.

    Args:
        name (str): File name without suffix.

    Raises:
        DataError: If the name has another form.
    """
    found = _NAME.fullmatch(name)
    scale = float(found['size']) if found else 0.0
    if not scale:
        raise DataError(
            f'{name!r} is no name of a patch; expected IMAGE__SCALE__X___Y, '
            'e.g. P0001__1.0__824___0. Cut the images with a DOTA patching '
            'tool, or set `merge_patches=False` for whole images.')
    if scale > _LARGEST_SCALE:
        scale = 1.0
    return PatchName(found['image'], scale, int(found['x']), int(found['y']))


def boxes_to_image(boxes: np.ndarray, patch: PatchName,
                   box_type: str) -> np.ndarray:
    """Boxes of a patch as they lie in the large image.

    Args:
        boxes (np.ndarray): ``(N, 4|5|8)`` in pixels of the patch.
        patch (PatchName): The patch.
        box_type (str): 'rbox', 'qbox' or 'hbox'.

    Returns:
        np.ndarray: The same form, in pixels of the image, same dtype.
    """
    moved = _lengths(boxes, box_type).astype(np.float64)
    moved[:, _points(box_type)] += _offset(patch, box_type)
    return _with_angle(moved / patch.scale, boxes, box_type)


def boxes_to_patch(boxes: np.ndarray, patch: PatchName,
                   box_type: str) -> np.ndarray:
    """Inverse of :func:`boxes_to_image`."""
    moved = _lengths(boxes, box_type).astype(np.float64) * patch.scale
    moved[:, _points(box_type)] -= _offset(patch, box_type)
    return _with_angle(moved, boxes, box_type)


def _points(box_type: str) -> slice:
    """Columns that are positions; the others are sizes."""
    return slice(0, 2) if box_type == 'rbox' else slice(None)


def _lengths(boxes: np.ndarray, box_type: str) -> np.ndarray:
    """Columns in pixels, without the angle."""
    check_box_type(box_type)
    columns = BOX_COLUMNS[box_type]
    if boxes.ndim != 2 or boxes.shape[1] != columns:
        raise ConfigError(f'{box_type} boxes are (N, {columns}), these are '
                          f'{boxes.shape}')
    return boxes[:, :4] if box_type == 'rbox' else boxes


def _offset(patch: PatchName, box_type: str) -> np.ndarray:
    pairs = dict(rbox=1, qbox=4, hbox=2)[box_type]
    return np.tile([patch.x, patch.y], pairs)


def _with_angle(moved: np.ndarray, boxes: np.ndarray,
                box_type: str) -> np.ndarray:
    if box_type == 'rbox':
        moved = np.concatenate((moved, boxes[:, 4:]), axis=1)
    return moved.astype(boxes.dtype)
