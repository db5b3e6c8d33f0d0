# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures of episodes: target, examples with their marks, names."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import Optional

import cv2
import numpy as np
from torch import Tensor

from mmeo.models.in_context import EpisodePreprocessor
from mmeo.structures import EpisodeBatch

from .rendering import blend, colour_map, fit, side_by_side
from .samples import image_panels

_LEAST = 256  # pixels of a panel


def episode_colours(number: int) -> list[tuple[int, int, int]]:
    """So many colours that differ, RGB; the first ones differ most."""
    # Steps of the golden ratio around the circle of hues.
    return [tuple(round(255 * c) for c in colorsys.hsv_to_rgb(
        i * 0.618 % 1, (0.55, 0.85)[i % 2], (1., 0.85, 0.55)[i % 3]))
        for i in range(number)]


def draw_episode(packed: Mapping,
                 bands: Optional[Sequence[int]] = None) -> np.ndarray:
    """Draw a sample of ``PackEpisode`` as a training step sees it.

    The target; its labels, pixels of no class that is asked for dark; each
    example with its marks filled and outlined. Below are all names: those of
    classes that are not in the target in brackets, those that an example
    shows with an asterisk.

    Args:
        packed (Mapping): ``inputs`` and ``data_samples``.
        bands (Sequence[int], optional): Channels shown as red, green, blue,
            counted from 0. Defaults to the first three, or one.

    Returns:
        np.ndarray: ``(H, W, 3)`` uint8.
    """
    # What is drawn are leaves: levels are drawn in training only.
    batch: EpisodeBatch = EpisodePreprocessor(pad_divisor=1)(
        [packed], training=True)['inputs']
    sample, inputs = packed['data_samples'], packed['inputs']
    names = batch.class_names[0]
    colours = episode_colours(len(names))
    target = _panel(inputs['target'], bands)
    panels = {f'target {_size(inputs["target"])} {sample.modality}': target}
    present = set()
    if batch.labels is not None:
        label = batch.labels[0].numpy()
        table = np.zeros((256, 3), np.uint8) + 40
        table[:len(names)] = colours
        panels['asked for'] = blend(target, fit(
            colour_map(label, table), target.shape[:2]))
        present = set(np.unique(label).tolist())
    kinds = sample.get('prompt_kinds') or ('mask', ) * len(inputs['prompts'])
    for k, image in enumerate(inputs['prompts']):
        height, width = image.shape[-2:]
        masks = batch.masks[0, k, :, :height, :width].numpy()
        title = (f'example {k + 1}: {sample.prompt_modalities[k]}, '
                 f'{kinds[k]}')
        panels[title] = mark_classes(_panel(image, bands), masks, colours)
    shown = batch.visual_valid()[0].tolist()
    legend = {_say(name, i in present, shown[i]): colours[i]
              for i, name in enumerate(names)}
    height = max(panel.shape[0] for panel in panels.values())
    width = max(panel.shape[1] for panel in panels.values())
    return side_by_side({title: _canvas(panel, (height, width))
                         for title, panel in panels.items()}, legend)


def mark_classes(picture: np.ndarray, masks: np.ndarray,
                 colours: Sequence[Sequence[int]]) -> np.ndarray:
    """Fill and outline the marks of each class.

    Args:
        picture (np.ndarray): ``(H, W, 3)`` uint8, a whole multiple of the
            masks' size; a copy is drawn on.
        masks (np.ndarray): ``(N, h, w)`` bool.
        colours (Sequence): RGB per class.
    """
    out = picture.copy()
    for mask, colour in zip(masks, colours):
        factor = picture.shape[0] // mask.shape[0]
        mask = mask.repeat(factor, 0).repeat(factor, 1).astype(np.uint8)
        where = mask.astype(bool)
        out[where] = blend(out, np.full_like(out, colour), 0.35)[where]
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL,
                                       cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(out, outlines, -1, tuple(map(int, colour)), 1)
    return out


def _panel(image: Tensor, bands: Optional[Sequence[int]]) -> np.ndarray:
    """``(C, H, W)`` as a picture of at least some size."""
    picture = next(iter(image_panels(image, bands=bands).values()))
    factor = -(-_LEAST // max(picture.shape[:2]))
    return picture.repeat(factor, 0).repeat(factor, 1)


def _canvas(panel: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pad a picture by white on the right and below."""
    out = np.full((*size, 3), 255, np.uint8)
    out[:panel.shape[0], :panel.shape[1]] = panel
    return out


def _size(image: Tensor) -> str:
    return '{} x {}'.format(*image.shape[-2:])


def _say(name: str, present: bool, shown: bool) -> str:
    return (name if present else f'({name})') + '*' * shown
