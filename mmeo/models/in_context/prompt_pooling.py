# Copyright (c) mmeo contributors. All rights reserved.
"""Visual prompts: one vector per class out of the maps of its examples."""

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_average_pool(maps: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Mean feature of each class in each shot, then over its shots.

    A cell of the map counts by the share of it that the mask covers, so that
    an object smaller than a cell is not lost. Source: the paper's P_V; the
    mean over shots in which a class has pixels is our choice.

    Args:
        maps (Tensor): ``(B, K, C, h, w)``.
        masks (Tensor): ``(B, K, N, H, W)`` bool.

    Returns:
        tuple[Tensor, Tensor]: ``(B, N, C)``, 0 for a class without pixels,
        and ``(B, K, N)`` bool, which shots show which class.
    """
    shares = F.adaptive_avg_pool2d(
        masks.flatten(0, 1).to(maps.dtype), maps.shape[-2:])
    shares = shares.flatten(2).unflatten(0, masks.shape[:2])  # (B, K, N, hw)
    area = shares.sum(-1)
    sums = shares @ maps.flatten(3).transpose(-2, -1)  # (B, K, N, C)
    # A bool mask's share is 0 or at least 1 pixel's.
    means = sums / area.clamp(min=torch.finfo(maps.dtype).tiny)[..., None]
    shown = area > 0
    count = shown.sum(1).clamp(min=1)[..., None]
    return (means * shown[..., None]).sum(1) / count, shown


def sensor_shares(shown: Tensor, sensors: Tensor, count: int) -> Tensor:
    """Of each class the share of its shots that each sensor took.

    Args:
        shown (Tensor): ``(B, K, N)`` bool, see :func:`masked_average_pool`.
        sensors (Tensor): ``(B, K)`` int64, number of the sensor.
        count (int): S sensors.

    Returns:
        Tensor: ``(B, N, S)``, rows sum to 1, or to 0 without a shot.
    """
    each = F.one_hot(sensors, count)[:, :, None] * shown[..., None]
    total = shown.sum(1).clamp(min=1)[..., None]
    return each.sum(1).float() / total
