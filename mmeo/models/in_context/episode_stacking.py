# Copyright (c) mmeo contributors. All rights reserved.
"""Images and masks of several sizes and sensors as tensors of a batch."""

from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from mmeo.errors import DataError
from mmeo.structures import ImageGroup

Size = tuple[int, int]


def common_size(images: Sequence[Tensor], divisor: int) -> Size:
    """Least height and width that hold all and are multiples of a number."""
    return tuple(-(-max(x.shape[i] for x in images) // divisor) * divisor
                 for i in (-2, -1))


def pad_to(x: Tensor, size: Size, value: float = 0) -> Tensor:
    """Pad ``(..., h, w)`` on the right and below."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, size[1] - width, 0, size[0] - height), value=value)


def group_by_sensor(images: Sequence[Tensor], sensors: Sequence[str],
                    index: Sequence[int], size: Size
                    ) -> dict[str, ImageGroup]:
    """Stack the images of each sensor.

    Args:
        images (Sequence[Tensor]): ``(C, h, w)`` each.
        sensors (Sequence[str]): Of each.
        index (Sequence[int]): Position of each in the batch.
        size (tuple[int, int]): Height and width they are padded to.

    Returns:
        dict[str, ImageGroup]: In order of first appearance.

    Raises:
        DataError: If images of one sensor differ in their bands.
    """
    groups = {}
    for sensor in dict.fromkeys(sensors):
        mine = [i for i, other in enumerate(sensors) if other == sensor]
        bands = {len(images[i]) for i in mine}
        if len(bands) > 1:
            raise DataError(
                f'images of sensor {sensor!r} have {sorted(bands)} bands in '
                'one batch: load the same bands for all data sets of a '
                'sensor, or name another sensor')
        groups[sensor] = ImageGroup(
            torch.stack([pad_to(images[i], size) for i in mine]),
            torch.tensor([index[i] for i in mine],
                         device=images[mine[0]].device))
    return groups


def stack_masks(shots: Sequence[Sequence[Tensor]], num_classes: int,
                size: Size) -> Optional[Tensor]:
    """Masks of all shots; missing shots and classes are empty.

    Args:
        shots (Sequence[Sequence[Tensor]]): Of each sample the masks
            ``(n, h, w)`` bool of each shot.
        num_classes (int): N.
        size (tuple[int, int]): Height and width of the result.

    Returns:
        Tensor, optional: ``(B, K, N, H, W)`` bool. None without a shot.
    """
    num_shots = max(len(sample) for sample in shots)
    if not num_shots:
        return None
    first = next(mask for sample in shots for mask in sample)
    out = first.new_zeros((len(shots), num_shots, num_classes, *size))
    for b, sample in enumerate(shots):
        for k, mask in enumerate(sample):
            n, height, width = mask.shape
            out[b, k, :n, :height, :width] = mask
    return out
