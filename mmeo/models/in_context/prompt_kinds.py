# Copyright (c) mmeo contributors. All rights reserved.
"""Visual prompts as a person gives them: masks, boxes, points."""

import math
from collections.abc import Sequence
from typing import Union

import cv2
import numpy as np
import torch
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.structures import PROMPT_KINDS

#: What boxes are drawn around.
BOX_UNITS = ('component', 'class')
Size = tuple[int, int]


def boxes_to_mask(boxes: Union[Tensor, Sequence], size: Size) -> Tensor:
    """Fill boxes.

    Args:
        boxes (Tensor | Sequence): ``(M, 4)`` x1, y1, x2, y2 in pixels from
            the image's corner; a pixel that a box touches is inside. What
            lies beyond the image is cut off.
        size (tuple[int, int]): Height and width.

    Returns:
        Tensor: ``(h, w)`` bool, on the CPU.

    Raises:
        DataError: If a box is empty, or wholly outside of the image.
    """
    mask = torch.zeros(size, dtype=torch.bool)
    for box in torch.as_tensor(boxes, dtype=torch.float64).reshape(-1, 4):
        x1, y1, x2, y2 = box.tolist()
        left, top = max(math.floor(x1), 0), max(math.floor(y1), 0)
        right, low = min(math.ceil(x2), size[1]), min(math.ceil(y2), size[0])
        if not (left < right and top < low and x1 < x2 and y1 < y2):
            raise DataError(
                f'box {[x1, y1, x2, y2]} holds no pixel of an image of '
                f'{size[0]} x {size[1]} (height x width). Give x1, y1, x2, '
                'y2 in pixels, left and top first.')
        mask[top:low, left:right] = True
    return mask


def points_to_mask(points: Union[Tensor, Sequence], size: Size,
                   radius: float = 8.) -> Tensor:
    """Draw a disk around each point.

    Args:
        points (Tensor | Sequence): ``(P, 2)`` x, y of pixels from 0.
        size (tuple[int, int]): Height and width.
        radius (float): In pixels; the pixel itself is always inside.
            Defaults to 8.

    Returns:
        Tensor: ``(h, w)`` bool, on the device of the points.

    Raises:
        DataError: If a point is outside of the image.
    """
    points = torch.as_tensor(points).reshape(-1, 2).float()
    limit = torch.tensor([size[1], size[0]], device=points.device)
    outside = ((points < 0) | (points >= limit)).any(1)
    if outside.any():
        raise DataError(
            f'point {points[outside][0].tolist()} (x, y) is outside of an '
            f'image of {size[0]} x {size[1]} (height x width).')
    reach = math.floor(radius)
    steps = torch.arange(-reach, reach + 1, device=points.device)
    disk = steps[:, None]**2 + steps**2 <= radius**2
    mask = torch.zeros(size, dtype=torch.bool, device=points.device)
    for x, y in points.long().tolist():
        top, left = max(y - reach, 0), max(x - reach, 0)
        part = mask[top:y + reach + 1, left:x + reach + 1]
        part |= disk[top - y + reach:, left - x + reach:][
            :part.shape[0], :part.shape[1]]
    return mask


def mask_to_boxes(mask: Tensor, unit: str = 'component') -> Tensor:
    """Boxes around what a mask shows.

    Args:
        mask (Tensor): ``(h, w)`` bool.
        unit (str): 'component', a box around each connected part (pixels
            that touch at a corner are connected), or 'class', one around
            all. Defaults to 'component' (our choice).

    Returns:
        Tensor: ``(M, 4)`` int64, x1, y1, x2, y2, the last two exclusive, on
        the CPU.

    Raises:
        ConfigError: If the unit is unknown.
    """
    if unit not in BOX_UNITS:
        raise ConfigError(f'boxes around {unit!r}: give one of {BOX_UNITS}')
    array = mask.cpu().numpy().astype(np.uint8)
    if unit == 'class':
        x, y, w, h = cv2.boundingRect(array)
        found = np.array([[x, y, w, h]])[:int(w > 0)]
    else:
        # The first is the background.
        found = cv2.connectedComponentsWithStats(array, connectivity=8)[2][1:]
    boxes = torch.from_numpy(found[:, :4].astype(np.int64))
    return torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


def draw_points(mask: Tensor, num: int, rng: np.random.Generator) -> Tensor:
    """Draw different pixels of a mask.

    Args:
        mask (Tensor): ``(h, w)`` bool.
        num (int): So many; all of a mask that has fewer.
        rng (np.random.Generator): The same pixels on every device.

    Returns:
        Tensor: ``(P, 2)`` int64, x, y.
    """
    pixels = mask.nonzero()  # (n, 2): y, x
    if len(pixels) > num:
        chosen = rng.choice(len(pixels), num, replace=False)
        pixels = pixels[torch.from_numpy(chosen).to(mask.device)]
    return pixels.flip(1)


def disk_radius(size: Size, radius: float = 8., reference: int = 512
                ) -> float:
    """Radius of a point's disk in an image of some size.

    Args:
        size (tuple[int, int]): Height and width.
        radius (float): In an image of ``reference`` pixels. Defaults to 8.
        reference (int): Defaults to 512.

    Returns:
        float: In pixels, 1 or more.
    """
    return max(1., radius * max(size) / reference)


def render_prompt(masks: Tensor, kind: str, rng: np.random.Generator,
                  num_points: int = 5, radius: float = 8.,
                  box_unit: str = 'component') -> Tensor:
    """What is left of exact masks if they are shown by boxes or points.

    Filled boxes and disks reach beyond the mask and may overlap those of
    other classes, as a person's do. Sources: the three kinds from the paper;
    how each is drawn is our choice.

    Args:
        masks (Tensor): ``(N, h, w)`` bool.
        kind (str): 'mask', 'box' or 'point'.
        rng (np.random.Generator): For points.
        num_points (int): Of each class. Defaults to 5.
        radius (float): Of a point's disk, see :func:`disk_radius`. Defaults
            to 8.
        box_unit (str): See :func:`mask_to_boxes`.

    Returns:
        Tensor: ``(N, h, w)`` bool; empty masks stay empty.

    Raises:
        ConfigError: If the kind is unknown.
    """
    if kind not in PROMPT_KINDS:
        raise ConfigError(f'prompt kind {kind!r} is none of {PROMPT_KINDS}')
    if kind == 'mask':
        return masks
    size = tuple(masks.shape[1:])
    out = torch.zeros_like(masks)
    for i in masks.flatten(1).any(1).nonzero().flatten().tolist():
        if kind == 'box':
            out[i] = boxes_to_mask(mask_to_boxes(masks[i], box_unit), size)
        else:
            out[i] = points_to_mask(draw_points(masks[i], num_points, rng),
                                    size, disk_radius(size, radius))
    return out
