# Copyright (c) mmeo contributors. All rights reserved.
"""One picture of a prompt, its target and what was found there."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import Optional, Union

import cv2
import numpy as np

from .rendering import blend, side_by_side, stretch

Colour = tuple[int, int, int]
#: Well told apart on imagery, none of them green (our choice).
_FIRST: tuple[Colour, ...] = (
    (230, 60, 60), (65, 120, 255), (255, 200, 40), (190, 70, 220),
    (60, 220, 220), (255, 130, 30), (255, 150, 200), (150, 100, 50),
    (180, 255, 90), (120, 80, 255))


def default_palette(count: int) -> list[Colour]:
    """Colours for any number of classes, all different.

    Args:
        count (int): Number of classes.

    Returns:
        list[tuple[int, int, int]]: RGB, 0 to 255.
    """
    out = list(_FIRST[:count])
    step = 0
    while len(out) < count:
        # The golden ratio spreads hues however many follow.
        hue, ring = step * 0.618034 % 1, step // 12
        rgb = colorsys.hsv_to_rgb(hue, 0.9 - 0.25 * (ring % 3),
                                  1 - 0.2 * (ring % 4))
        colour = tuple(round(255 * c) for c in rgb)
        if colour not in out and colour != (0, 0, 0):
            out.append(colour)
        step += 1
    return out


def sensor_rgb(image: np.ndarray,
               missing: Optional[np.ndarray] = None) -> np.ndarray:
    """What a sensor saw, in colours.

    8-bit colours stay as they are. Two bands are VV and VH in dB, shown as
    red VV, green VH and blue their difference, each stretched; other bands
    are stretched.

    Args:
        image (ndarray): ``(H, W, C)``, not normalised.
        missing (ndarray, optional): ``(H, W)`` bool, pixels without data,
            which become black.

    Returns:
        ndarray: ``(H, W, 3)`` uint8.
    """
    if missing is None:
        missing = np.zeros(image.shape[:2], bool)
    if image.dtype == np.uint8 and image.shape[2] == 3:
        rgb = image.copy()
    elif missing.all():
        rgb = np.zeros((*image.shape[:2], 3), np.uint8)
    else:
        bands = image.astype(np.float32)
        if bands.shape[2] == 2:
            vv, vh = bands[..., 0], bands[..., 1]
            bands = np.stack((vv, vh, vv - vh), -1)
        elif bands.shape[2] != 3:
            bands = np.repeat(bands[..., :1], 3, -1)
        bands[missing] = np.nan
        rgb = stretch(bands)
    rgb[missing] = 0
    return rgb


def draw_prompt(picture: np.ndarray, masks: np.ndarray,
                palette: Sequence[Colour],
                points: Optional[Mapping[int, Sequence]] = None,
                alpha: float = 0.25) -> np.ndarray:
    """Outline what an example shows of each class.

    Args:
        picture (ndarray): ``(H, W, 3)`` uint8, RGB.
        masks (ndarray): ``(N, H, W)`` bool; a box is a filled mask.
        palette (Sequence): RGB of each class.
        points (Mapping, optional): Class number -> ``(x, y)`` each, marked by
            crosses.
        alpha (float): Opacity inside the outlines. Defaults to 0.25.

    Returns:
        ndarray: A new picture.
    """
    out = np.ascontiguousarray(picture).copy()
    thick = max(2, min(out.shape[:2]) // 180)
    for mask, colour in zip(masks, palette):
        out[mask] = blend(out[mask], np.array(colour), alpha)
        lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP,
                                    cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, lines, -1, (255, 255, 255), 2 * thick)
        cv2.drawContours(out, lines, -1, tuple(map(int, colour)), thick)
    for index, each in (points or {}).items():
        for x, y in each:
            for line, size in (((255, 255, 255), thick + 2),
                               (tuple(map(int, palette[index])), thick)):
                cv2.drawMarker(out, (int(x), int(y)), line, cv2.MARKER_CROSS,
                               8 * thick, size)
    return out


def prompt_picture(example: Union[None, np.ndarray, Sequence[np.ndarray]],
                   masks: Union[None, np.ndarray, Sequence[np.ndarray]],
                   target: np.ndarray,
                   prediction: np.ndarray,
                   classes: Sequence[str],
                   palette: Optional[Sequence[Colour]] = None,
                   points: Optional[Sequence[Mapping]] = None,
                   alpha: float = 0.55,
                   height: int = 384) -> np.ndarray:
    """Examples with what was marked | target | what was found, and a legend.

    Args:
        example (ndarray | Sequence[ndarray], optional): ``(H, W, 3)`` uint8
            each, see :func:`sensor_rgb`. None with names alone.
        masks (ndarray | Sequence[ndarray], optional): ``(N, H, W)`` bool of
            each example.
        target (ndarray): ``(H, W, 3)`` uint8.
        prediction (ndarray): ``(H, W)``, class 1 to N, 0 for none or no data.
        classes (Sequence[str]): N names.
        palette (Sequence, optional): RGB each; :func:`default_palette` by
            default.
        points (Sequence[Mapping], optional): Of each example class number ->
            ``(x, y)`` each.
        alpha (float): Opacity of the prediction. Defaults to 0.55.
        height (int): Of all panels in pixels. Defaults to 384.

    Returns:
        ndarray: ``(H', W', 3)`` uint8, RGB.
    """
    palette = list(palette or default_palette(len(classes)))
    if isinstance(example, np.ndarray):
        example, masks = [example], [masks]
    panels = {}
    shots = list(zip(example or (), masks or ()))
    for number, (picture, mask) in enumerate(shots):
        title = 'example' if len(shots) == 1 else f'example {number + 1}'
        panels[title] = _draw_example(
            picture, mask, points[number] if points else {}, palette, height)
    panels['target'] = target = _of_height(target, height)
    found = _of_height(prediction, height)
    table = np.array([(0, 0, 0), *palette], np.uint8)
    panels['found'] = overlay = target.copy()
    overlay[found > 0] = blend(target, table[found], alpha)[found > 0]
    return side_by_side(panels, dict(zip(classes, palette)), min_width=1)


def _draw_example(picture: np.ndarray, masks: np.ndarray, points: Mapping,
                  palette: Sequence[Colour], height: int) -> np.ndarray:
    """Lines are as thin on a small example as on a large one."""
    factor = height / picture.shape[0]
    return draw_prompt(
        _of_height(picture, height),
        np.stack([_of_height(mask, height) for mask in masks]), palette,
        {index: [((x + 0.5) * factor, (y + 0.5) * factor) for x, y in each]
         for index, each in points.items()})


def _of_height(picture: np.ndarray, height: int) -> np.ndarray:
    """A picture, or a map of labels or bools, of another height."""
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    smooth = picture.ndim == 3 and height < picture.shape[0]
    resized = cv2.resize(
        picture.astype(np.uint8), (width, height),
        interpolation=cv2.INTER_AREA if smooth else cv2.INTER_NEAREST)
    return resized.astype(picture.dtype)
