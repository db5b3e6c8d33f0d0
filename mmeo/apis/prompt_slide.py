# Copyright (c) mmeo contributors. All rights reserved.
"""Overlapping windows over a large target, a strip of rows in memory."""

from collections.abc import Callable, Iterator
from typing import Any, Optional

import numpy as np
import torch
from torch import Tensor, nn

from mmeo.models.in_context.episode_stacking import pad_to
from mmeo.models.segmentors.multi_modal_segmentor import starts
from mmeo.structures import ImageGroup

from .prompt_inputs import PromptImage

#: ``(C, h, w)`` images to ``(N, h, w)`` scores, any number of columns.
Segment = Callable[[Tensor], Tensor]


def segment_rows(image: PromptImage, segment: Segment, num_classes: int,
                 crop_size: int, stride: int) -> Iterator[
                     tuple[Tensor, np.ndarray]]:
    """Scores of a target from top to bottom.

    One row of windows is read and segmented at a time; strips overlap as
    windows do, and their scores are averaged. As all columns of windows meet
    the same rows, the mean over strips of means over columns is the mean over
    windows, so this equals sliding over the whole target at once.

    Args:
        image (PromptImage): The target.
        segment (Callable): Scores of a strip, averaged over its windows.
        num_classes (int): N.
        crop_size (int): Side of a window in pixels.
        stride (int): From one window to the next.

    Yields:
        tuple[Tensor, ndarray]: Of the rows that follow, scores ``(N, h, W)``
        and where there is no data, ``(h, W)`` bool.
    """
    height, width = image.size
    tall = min(crop_size, height)
    tops = starts(height, tall, stride)
    sums = torch.zeros(num_classes, tall, width)
    counts = torch.zeros(tall, 1)
    for top, following in zip(tops, [*tops[1:], height]):
        pixels, missing = image.read(top, 0, tall, width)
        # What lies outside a swath costs nothing.
        if not missing.all():
            sums += segment(torch.from_numpy(pixels)).cpu()
        counts += 1
        done = following - top
        yield sums[:, :done] / counts[:done], missing[:done]
        sums, counts = _shift(sums, done, 1), _shift(counts, done, 0)


def _shift(values: Tensor, rows: int, axis: int) -> Tensor:
    """Move up, with zeros below."""
    rest = values.narrow(axis, rows, values.shape[axis] - rows)
    shape = list(values.shape)
    shape[axis] = rows
    return torch.cat((rest, values.new_zeros(shape)), axis)


def strip_scores(pixels: Tensor, model: nn.Module, code: Any, modality: str,
                 mode: str, crop_size: int, stride: int) -> Tensor:
    """Scores of one image, in windows where it is larger than one.

    A side shorter than a window is padded as in training.

    Args:
        pixels (Tensor): ``(C, h, w)``, normalised.
        model (nn.Module): ``VITASegmentor``.
        code (PromptCode): The encoded prompt.
        modality (str): Sensor of the image.
        mode (str): 'visual', 'textual' or 'fused'.
        crop_size (int): Side of a window.
        stride (int): From one to the next.

    Returns:
        Tensor: ``(N, h, w)``.
    """
    height, width = pixels.shape[-2:]
    divisor = pad_divisor(model)
    size = [side if side >= crop_size else
            min(-(-side // divisor) * divisor, crop_size)
            for side in (height, width)]
    device = next(model.parameters()).device
    group = ImageGroup(pad_to(pixels, size)[None].to(device),
                       torch.zeros(1, dtype=torch.int64, device=device))
    scores = model.slide_segment({modality: group}, code, mode, crop_size,
                                 stride)
    return scores[0, :, :height, :width]


def pad_divisor(model: nn.Module) -> int:
    """What the sides of images are multiples of in training."""
    return getattr(model.data_preprocessor, 'pad_divisor', 1)


def to_labels(scores: Tensor, missing: np.ndarray,
              least: Optional[float] = None,
              none: Optional[int] = None) -> np.ndarray:
    """The class of most score, counted from 1.

    Args:
        scores (Tensor): ``(N, h, W)``, negative for what cannot be found.
        missing (ndarray): ``(h, W)`` bool, pixels without data.
        least (float, optional): Score below which a pixel is no class.
        none (int, optional): Label that stands for no class.

    Returns:
        ndarray: ``(h, W)`` uint8, 0 for no class or no data.
    """
    best, labels = scores.max(0)
    labels = (labels + 1).numpy().astype(np.uint8)
    labels[(best < (least or 0.0)).numpy() | missing] = 0
    if none is not None:
        labels[labels == none] = 0
    return labels
