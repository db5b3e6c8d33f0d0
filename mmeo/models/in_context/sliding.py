# Copyright (c) mmeo contributors. All rights reserved.
"""Scores of large targets, window by window."""

from collections.abc import Callable

import torch
from torch import Tensor

from mmeo.structures import ImageGroup

from ..segmentors.multi_modal_segmentor import starts
from .sensor_groups import Groups


def slide(predict: Callable[[Groups], dict[str, Tensor]], targets: Groups,
          crop_size: int, stride: int) -> dict[str, Tensor]:
    """Mean scores of overlapping windows.

    Args:
        predict (Callable): Windows to scores ``(B, N, h, w)`` by name.
        targets (dict[str, ImageGroup]): By sensor, of equal size ``(H, W)``.
        crop_size (int): Side of a window in pixels.
        stride (int): From one to the next; the last is flush with the edge.

    Returns:
        dict[str, Tensor]: ``(B, N, H, W)`` by name.
    """
    images = next(iter(targets.values())).images
    size = tuple(images.shape[-2:])
    count = torch.zeros(size, device=images.device)
    sums: dict[str, Tensor] = {}
    for y in starts(size[0], crop_size, stride):
        for x in starts(size[1], crop_size, stride):
            window = slice(y, y + crop_size), slice(x, x + crop_size)
            part = predict({
                name: ImageGroup(group.images[(..., *window)], group.index)
                for name, group in targets.items()})
            for name, scores in part.items():
                if name not in sums:
                    sums[name] = scores.new_zeros(*scores.shape[:2], *size)
                sums[name][(..., *window)] += scores
            count[window] += 1
    return {name: scores / count for name, scores in sums.items()}
