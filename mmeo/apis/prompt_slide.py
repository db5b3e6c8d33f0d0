# Copyright (c) mmeo contributors. All rights reserved.
"""Overlapping windows over a large target, a strip of rows in memory."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from mmeo.models.segmentors.multi_modal_segmentor import starts

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
