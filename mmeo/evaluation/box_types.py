# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes from one form to another, as numpy arrays."""

from typing import Any

import numpy as np
import torch
from mmdet.structures.bbox import convert_box_type

from mmeo.errors import DataError
from mmeo.geo.box_pairs import BOX_COLUMNS, check_box_type

_TYPE_OF = {columns: name for name, columns in BOX_COLUMNS.items()}


def as_array(boxes: Any) -> np.ndarray:
    """Boxes of a data sample as ``(N, 4|5|8)``, on the CPU.

    Args:
        boxes (BaseBoxes | Tensor | np.ndarray): The boxes.
    """
    boxes = getattr(boxes, 'tensor', boxes)
    if isinstance(boxes, torch.Tensor):
        boxes = boxes.detach().cpu().numpy()
    return np.asarray(boxes)


def to_box_type(boxes: np.ndarray, box_type: str) -> np.ndarray:
    """Boxes in another form; which one they have shows in their columns.

    From an oriented box to an upright one the enclosing box is taken, from a
    quadrilateral to an oriented box the smallest enclosing one.

    Args:
        boxes (np.ndarray): ``(N, 4|5|8)``.
        box_type (str): 'rbox', 'qbox' or 'hbox'.

    Returns:
        np.ndarray: ``(N, 5)``, ``(N, 8)`` or ``(N, 4)``; rows that are not
        finite become NaN.

    Raises:
        DataError: If the boxes have another number of columns.
    """
    check_box_type(box_type)
    source = _TYPE_OF.get(boxes.shape[-1]) if boxes.ndim == 2 else None
    if source is None:
        raise DataError(f'boxes of shape {boxes.shape}: expected (N, 5) '
                        'oriented, (N, 8) quadrilaterals or (N, 4) upright')
    if source == box_type:
        return boxes
    result = np.full((len(boxes), BOX_COLUMNS[box_type]), np.nan, boxes.dtype)
    # the smallest enclosing box of NaN is not defined
    fine = np.isfinite(boxes).all(1)
    if fine.any():
        result[fine] = convert_box_type(
            torch.from_numpy(boxes[fine]), src_type=source,
            dst_type=box_type).numpy()
    return result
