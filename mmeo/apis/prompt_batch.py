# Copyright (c) mmeo contributors. All rights reserved.
"""Examples as the model takes them; large ones as several shots."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from mmeo.models.in_context.episode_stacking import (
    common_size,
    group_by_sensor,
    stack_masks,
)
from mmeo.models.segmentors.multi_modal_segmentor import starts
from mmeo.structures import EpisodeBatch

from .prompt_request import PromptRequest, Shot

#: Shots that large examples are cut to; more hardly help (the paper sees
#: saturation at 8).
MAX_SHOTS = 8


def make_batch(request: PromptRequest, crop_size: int, divisor: int,
               device: torch.device) -> EpisodeBatch:
    """One sample without targets.

    Args:
        request (PromptRequest): The prompt.
        crop_size (int): Largest side of a shot in pixels.
        divisor (int): Shots are padded to a multiple of it.
        device (torch.device): Where the tensors go.

    Returns:
        EpisodeBatch: Of one sample with K shots, padded to one size.
    """
    valid = torch.ones(1, len(request.classes), dtype=torch.bool,
                       device=device)
    batch = EpisodeBatch({}, [request.classes], valid, {})
    if request.mode == 'textual':
        return batch
    limit = max(1, MAX_SHOTS // len(request.shots))
    images, masks, sensors = [], [], []
    for shot in request.shots:
        for row, col, height, width in example_windows(shot, crop_size,
                                                       limit):
            pixels, _ = shot.image.read(row, col, height, width)
            images.append(torch.from_numpy(pixels).to(device))
            masks.append(torch.from_numpy(
                shot.masks[:, row:row + height, col:col + width]).to(device))
            sensors.append(shot.image.modality)
    size = common_size(images, divisor)
    batch.prompts = group_by_sensor(images, sensors, range(len(images)), size)
    batch.masks = stack_masks([masks], len(request.classes), size)
    return batch


def example_windows(shot: Shot, crop_size: int, limit: int
                    ) -> list[tuple[int, int, int, int]]:
    """Windows of an example that show its classes.

    An example no larger than a window of the target is one. A larger one is
    cut to such windows, and those with most marked pixels are taken until
    there are ``limit`` and each class is shown (our choice).

    Args:
        shot (Shot): The example.
        crop_size (int): Side of a window.
        limit (int): Windows that are taken, more if a class would be lost.

    Returns:
        list[tuple[int, int, int, int]]: Row, column, height, width.
    """
    height, width = shot.image.size
    tall, wide = min(crop_size, height), min(crop_size, width)
    windows = [(row, col, tall, wide)
               for row in starts(height, tall, tall)
               for col in starts(width, wide, wide)]
    if len(windows) == 1:
        return windows
    area = np.array([shot.masks[:, r:r + h, c:c + w].sum((1, 2))
                     for r, c, h, w in windows])  # (windows, N)
    chosen = _cover(area, limit)
    shown = int((area.sum(1) > 0).sum())
    if len(chosen) < shown:
        warnings.warn(
            f'{shot.image.name}: of {shown} windows with marks {len(chosen)} '
            'are used as examples, those with most of them; cut the example '
            'yourself to choose others.', stacklevel=2)
    return [windows[index] for index in chosen]


def _cover(area: np.ndarray, limit: int) -> Sequence[int]:
    """Rows of most area, first for classes that no other row has shown."""
    left = list(np.flatnonzero(area.sum(1)))
    missing = area.sum(0) > 0
    chosen: list[int] = []
    while left and (len(chosen) < limit or missing.any()):
        new = (area[left] > 0)[:, missing].sum(1)
        best = left[np.lexsort((area[left].sum(1), new))[-1]]
        chosen.append(int(best))
        left.remove(best)
        missing &= area[best] == 0
    return chosen
