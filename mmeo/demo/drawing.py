# Copyright (c) mmeo contributors. All rights reserved.
"""From paint on a picture to classes on an image, and back. Pure numpy."""

from collections.abc import Sequence

import cv2
import numpy as np

from mmeo.visualization.prompt_picture import default_palette

#: A colour of the brush for each class that can be asked for.
COLOURS: tuple[tuple[int, int, int], ...] = tuple(default_palette(8))
#: Side of the square that is drawn on. One size for all images, because
#: gradio's editor puts layers of another size than its canvas elsewhere.
SIDE = 768
_MARGIN = 203  # grey around an image that is not square
# A channel of a pixel inside a stroke differs from the colour by rounding.
_EXACT = 8


def hex_colour(colour: Sequence[int]) -> str:
    """As pages write it, ``#rrggbb``."""
    return '#{:02x}{:02x}{:02x}'.format(*colour)


def picture_size(size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of an image's picture on the canvas.

    Small images are enlarged by a whole number, so that a brush can hit their
    pixels; large ones shrink to the canvas.

    Args:
        size (tuple[int, int]): Height and width of the image.
    """
    longest = max(size)
    factor = SIDE // longest if longest <= SIDE else SIDE / longest
    return tuple(max(1, round(side * factor)) for side in size)


def enlarge(picture: np.ndarray) -> np.ndarray:
    """Bring ``(H, W, 3)`` or ``(H, W)`` to its size on the canvas."""
    height, width = picture_size(picture.shape[:2])
    shrinks = height < picture.shape[0] and picture.ndim == 3
    return cv2.resize(
        picture, (width, height),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST)


def on_canvas(picture: np.ndarray) -> np.ndarray:
    """In the middle of the canvas, ``(SIDE, SIDE, 3)`` or ``(SIDE, SIDE)``.

    Args:
        picture (np.ndarray): ``(h, w, 3)`` uint8, grey around it, or
            ``(h, w)`` paint, none around it.
    """
    fill = _MARGIN if picture.ndim == 3 else 0
    canvas = np.full((SIDE, SIDE, *picture.shape[2:]), fill, np.uint8)
    canvas[_place(picture.shape[:2])] = picture
    return canvas


def off_canvas(paint: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Paint on an image, at the size of the image's picture.

    Args:
        paint (np.ndarray): ``(SIDE, SIDE)`` uint8.
        size (tuple[int, int]): Height and width of the image.
    """
    return paint[_place(picture_size(size))]


def _place(size: tuple[int, int]) -> tuple[slice, slice]:
    starts = [(SIDE - side) // 2 for side in size]
    return tuple(slice(start, start + side)
                 for start, side in zip(starts, size))


def read_paint(layers: Sequence[np.ndarray],
               colours: Sequence[Sequence[int]] = COLOURS) -> np.ndarray:
    """Which colour each pixel is painted in.

    The edge of a stroke is smooth: half-transparent pixels count from an
    opacity of one half. Where two strokes meet their colours mix, maybe to
    one that looks like a third; such a pixel gets the nearest colour of
    those that are found pure.

    Args:
        layers (Sequence[np.ndarray]): ``(H, W, 4)`` uint8 RGBA each, the
            later above the earlier.
        colours (Sequence): RGB of the brushes.

    Returns:
        np.ndarray: ``(H, W)`` uint8, 0 where there is no paint, 1 to N.
    """
    height, width = layers[0].shape[:2]
    paint = np.zeros((height, width, 3), np.int16)
    covered = np.zeros((height, width), bool)
    for layer in layers:
        over = layer[..., 3] >= 128
        paint[over] = layer[over, :3]
        covered |= over
    out = np.zeros((height, width), np.uint8)
    pixels = paint[covered]  # (n, 3)
    if not len(pixels):
        return out
    distance = np.abs(
        pixels[:, None] - np.asarray(colours, np.int16)).max(-1)  # (n, N)
    pure = (distance <= _EXACT).any(0)
    if pure.any():
        distance[:, ~pure] = 512
    out[covered] = distance.argmin(1) + 1
    return out


def draw_paint(labels: np.ndarray,
               colours: Sequence[Sequence[int]] = COLOURS) -> np.ndarray:
    """The layer that :func:`read_paint` reads as these labels.

    Args:
        labels (np.ndarray): ``(H, W)``, 0 for no paint, 1 to N.
        colours (Sequence): RGB of the brushes.

    Returns:
        np.ndarray: ``(H, W, 4)`` uint8 RGBA.
    """
    table = np.zeros((len(colours) + 1, 4), np.uint8)
    table[1:, :3] = colours
    table[1:, 3] = 255
    return table[labels]


def fit_paint(paint: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring paint from the picture to the pixels of its image.

    A pixel gets the colour that covers most of it, if that is half or more.
    A colour that covers no pixel so far marks the one it covers most, so
    that a dot on the picture of a small image is not lost.

    Args:
        paint (np.ndarray): ``(h, w)`` uint8 of :func:`read_paint`.
        size (tuple[int, int]): Height and width of the image.

    Returns:
        np.ndarray: ``(H, W)`` uint8.
    """
    if paint.shape == tuple(size):
        return paint
    if size[0] >= paint.shape[0]:
        return cv2.resize(paint, size[::-1],
                          interpolation=cv2.INTER_NEAREST)
    found = [int(value) for value in np.unique(paint) if value]
    out = np.zeros(size, np.uint8)
    if not found:
        return out
    cover = np.stack([
        cv2.resize((paint == value).astype(np.float32), size[::-1],
                   interpolation=cv2.INTER_AREA) for value in found])
    best = cover.argmax(0)  # (H, W)
    enough = cover.max(0) >= .5
    out[enough] = np.array(found, np.uint8)[best[enough]]
    for index, value in enumerate(found):
        if not (out == value).any():
            out.flat[cover[index].argmax()] = value
    return out


def paint_boxes(mask: np.ndarray) -> list[tuple[int, int, int, int]]:
    """A box around each patch of paint.

    Args:
        mask (np.ndarray): ``(H, W)`` bool.

    Returns:
        list[tuple]: x1, y1, x2, y2; the last two exclusive.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8)
    return [(int(x), int(y), int(x + w), int(y + h))
            for x, y, w, h, _ in stats[1:]]


def paint_points(mask: np.ndarray) -> list[tuple[int, int]]:
    """The innermost pixel of each patch of paint.

    Args:
        mask (np.ndarray): ``(H, W)`` bool.

    Returns:
        list[tuple]: x, y.
    """
    mask = mask.astype(np.uint8)
    number, labels = cv2.connectedComponents(mask, connectivity=8)
    depth = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    points = []
    for patch in range(1, number):
        inside = np.where(labels == patch, depth, -1)
        y, x = np.unravel_index(inside.argmax(), inside.shape)
        points.append((int(x), int(y)))
    return points
