# Copyright (c) mmeo contributors. All rights reserved.
"""Corruptions that move objects: an affine map and what follows from it.

Maps are ``(3, 3)`` matrices on continuous coordinates (x to the right, y
down, the first pixel covers [0, 1]), in which boxes are given as well.
"""

from typing import Any, Union

import cv2
import numpy as np
from numpy.random import Generator

from .severities import GEOMETRIC

Mask = Union[list, dict]


def draw_matrix(name: str, severity: int, height: int, width: int,
                rng: Generator) -> np.ndarray:
    """The map of a geometric corruption.

    Args:
        name (str): 'rotate', 'scale' or 'translate'.
        severity (int): 1 to 5.
        height (int): Of the image in pixels.
        width (int): Likewise.
        rng (Generator): Draws the signs of a translation.

    Returns:
        np.ndarray: ``(3, 3)`` float64, old to new coordinates.
    """
    level: Any = GEOMETRIC[name][severity - 1]
    matrix = np.eye(3)
    if name == 'rotate':
        cos, sin = np.cos(np.radians(level)), np.sin(np.radians(level))
        matrix[:2, :2] = [[cos, sin], [-sin, cos]]  # y points down
        centre = np.array([width / 2, height / 2])
        matrix[:2, 2] = centre - matrix[:2, :2] @ centre
    elif name == 'scale':
        new = np.array([int(width * level), int(height * level)])
        size = np.array([width, height])
        matrix[[0, 1], [0, 1]] = new / size
        matrix[:2, 2] = (size - new) // 2
    else:
        matrix[:2, 2] = level * rng.choice([-1, 1], size=2)
    return matrix


def warp(img: np.ndarray, matrix: np.ndarray, reflect: bool,
         fill: float = 0, nearest: bool = False) -> np.ndarray:
    """Resample an image or a label map.

    Args:
        img (np.ndarray): ``(H, W)`` or ``(H, W, C)``.
        matrix (np.ndarray): ``(3, 3)``, old to new coordinates.
        reflect (bool): Fill the outside with the mirrored image, else with
            ``fill``.
        fill (float): Defaults to 0.
        nearest (bool): For labels. Defaults to False, bilinear.

    Returns:
        np.ndarray: Of the shape and type of ``img``.
    """
    height, width = img.shape[:2]
    # OpenCV counts from the centre of the first pixel, boxes from its corner.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    inner = np.linalg.inv(half) @ matrix @ half
    bands = np.atleast_3d(img)
    # OpenCV fills at most four channels with a constant.
    pieces = [cv2.warpAffine(
        bands[..., i:i + 4], inner[:2], (width, height),
        flags=cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT if reflect else cv2.BORDER_CONSTANT,
        borderValue=(fill, ) * 4).reshape(height, width, -1)
        for i in range(0, bands.shape[2], 4)]
    return np.concatenate(pieces, axis=2).reshape(img.shape)


def move_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Map points ``(..., 2)``."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def move_mask(mask: Mask, matrix: np.ndarray,
              size: tuple[int, int]) -> Mask:
    """Map a COCO segmentation: polygons exactly, run lengths by resampling.

    Args:
        mask (list | dict): Polygons, or a run-length code.
        matrix (np.ndarray): ``(3, 3)``.
        size (tuple[int, int]): Height and width.
    """
    if isinstance(mask, list):
        return [move_points(np.asarray(polygon, float).reshape(-1, 2),
                            matrix).reshape(-1).tolist() for polygon in mask]
    from pycocotools import mask as coder
    code = mask
    if isinstance(mask['counts'], list):
        code = coder.frPyObjects(mask, *size)
    # Not mirrored at the border: a mirror image is no part of the object.
    moved = warp(coder.decode(code), matrix, False, nearest=True)
    out = coder.encode(np.asfortranarray(moved))
    return dict(size=list(size), counts=out['counts'].decode())


def move_bbox(bbox: list, matrix: np.ndarray, mask: Any = None) -> list:
    """Map a box; an upright one becomes the upright box around the result.

    Args:
        bbox (list): ``x1 y1 x2 y2``, or 8 numbers of a quadrilateral.
        matrix (np.ndarray): ``(3, 3)``.
        mask (list, optional): Moved polygons of the object, around which an
            upright box is drawn more tightly.

    Returns:
        list: As many numbers as before.
    """
    if len(bbox) == 8:
        return move_points(np.asarray(bbox, float).reshape(4, 2),
                           matrix).reshape(-1).tolist()
    if isinstance(mask, list) and mask:
        points = np.concatenate([np.asarray(polygon).reshape(-1, 2)
                                 for polygon in mask])
    else:
        x1, y1, x2, y2 = bbox
        points = move_points(np.array(
            [[x1, y1], [x2, y1], [x2, y2], [x1, y2]], float), matrix)
    return [*points.min(0).tolist(), *points.max(0).tolist()]


def centre_inside(bbox: list, size: tuple[int, int]) -> bool:
    """Whether the mean of a box's corners lies in an image of ``size``."""
    x, y = np.asarray(bbox, float).reshape(-1, 2).mean(0)
    return bool(0 <= x < size[1] and 0 <= y < size[0])
