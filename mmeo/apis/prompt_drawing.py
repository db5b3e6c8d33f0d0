# Copyright (c) mmeo contributors. All rights reserved.
"""From a prompt and its result to a picture."""

from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np

from mmeo.visualization.prompt_picture import (
    Colour,
    default_palette,
    prompt_picture,
    sensor_rgb,
)

from .prompt_inputs import PromptImage, thin
from .prompt_request import PromptRequest, Shot

SIDE = 768
Palette = Union[Sequence[Colour], Mapping[str, Colour], None]


def choose_palette(palette: Palette, classes: Sequence[str]) -> list[Colour]:
    """A colour for each class.

    Args:
        palette (Sequence | Mapping, optional): RGB in the order of the
            classes, or by name. What it lacks is filled.
        classes (Sequence[str]): N names.

    Returns:
        list[tuple[int, int, int]]: N colours.
    """
    colours = default_palette(len(classes))
    if isinstance(palette, Mapping):
        return [tuple(palette.get(name, colour))
                for name, colour in zip(classes, colours)]
    own = [tuple(colour) for colour in palette or ()]
    return (own + colours[len(own):])[:len(classes)]


def draw_request(request: PromptRequest, target: PromptImage,
                 labels: np.ndarray, palette: Sequence[Colour]) -> np.ndarray:
    """Examples with their marks | target | what was found, and a legend.

    Args:
        request (PromptRequest): What was asked for.
        target (PromptImage): The target.
        labels (ndarray): ``(H, W)`` uint8 of the target.
        palette (Sequence): RGB of each class.

    Returns:
        ndarray: ``(H', W', 3)`` uint8, RGB; large images are thinned.
    """
    shots = [] if request.mode == 'textual' else [
        _thin_shot(shot) for shot in request.shots]
    image = sensor_rgb(*target.preview(SIDE))
    return prompt_picture(
        [shot[0] for shot in shots], [shot[1] for shot in shots], image,
        thin(labels, image.shape[:2]), request.classes, palette,
        [shot[2] for shot in shots])


def _thin_shot(shot: Shot) -> tuple[np.ndarray, np.ndarray, dict]:
    """Picture, masks and points of an example at the size of a picture."""
    picture = sensor_rgb(*shot.image.preview(SIDE))
    size = picture.shape[:2]
    factor = size[0] / shot.image.size[0]
    masks = np.stack([thin(mask, size) for mask in shot.masks])
    points = {index: [(x * factor, y * factor) for x, y in each]
              for index, each in shot.points.items()}
    return picture, masks, points
