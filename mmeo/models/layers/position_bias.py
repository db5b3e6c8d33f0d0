# Copyright (c) mmeo contributors. All rights reserved.
"""Continuous position bias of Swin Transformer V2 (arXiv 2111.09883)."""

import math

import torch
from torch import Tensor, nn

from .precision import no_autocast


def log_offsets(window: tuple[int, int], unit: tuple[int, int],
                device: torch.device, dtype: torch.dtype) -> Tensor:
    """Offsets between two pixels of a window on a logarithmic scale.

    Eq. 4 of Swin V2: the offset in units of ``unit - 1`` pixels, times 8, as
    ``sign * log2(1 + abs) / log2(8)``.

    Args:
        window (tuple[int, int]): Height and width ``(h, w)``.
        unit (tuple[int, int]): Height and width of the window whose largest
            offset counts as 1.
        device (torch.device): Of the result.
        dtype (torch.dtype): Of the result.

    Returns:
        Tensor: ``(2h - 1, 2w - 1, 2)``, vertical and horizontal.
    """
    sides = [
        torch.arange(1 - side, side, device=device, dtype=dtype) * (
            8 / max(length - 1, 1)) for side, length in zip(window, unit)
    ]
    offsets = torch.stack(torch.meshgrid(*sides, indexing='ij'), dim=-1)
    return offsets.sign() * (offsets.abs() + 1).log2() / math.log2(8)


def pair_index(window: tuple[int, int], device: torch.device) -> Tensor:
    """Row of the flattened table of offsets for each pair of pixels.

    Args:
        window (tuple[int, int]): Height and width ``(h, w)``.
        device (torch.device): Of the result.

    Returns:
        Tensor: ``(N, N)`` int64 with ``N = h * w``, below
        ``(2h - 1) * (2w - 1)``.
    """
    height, width = window
    place = torch.arange(height * width, device=device)
    y, x = place // width, place % width
    y = y[:, None] - y + height - 1
    x = x[:, None] - x + width - 1
    return y * (2 * width - 1) + x


def position_bias(mlp: nn.Sequential, window: tuple[int, int],
                  unit: tuple[int, int]) -> Tensor:
    """Bias of each head for each pair of pixels of a window.

    Nothing is kept between calls: the table has a few hundred rows. Autocast
    is off, as sigmoids of bfloat16 would be off by 0.03 here.

    Args:
        mlp (nn.Sequential): ``(..., 2)`` -> ``(..., heads)``; a linear layer
            comes first.
        window (tuple[int, int]): Height and width ``(h, w)``.
        unit (tuple[int, int]): See :func:`log_offsets`.

    Returns:
        Tensor: ``(heads, N, N)``, between 0 and 16.
    """
    # Not `parameters()`: FSDP has none while activations are recomputed.
    weight = mlp[0].weight
    offsets = log_offsets(window, unit, weight.device, weight.dtype)
    with no_autocast(weight.device):
        table = 16 * mlp(offsets).flatten(0, 1).sigmoid()  # (offsets, heads)
    index = pair_index(window, weight.device)
    bias = table.t().index_select(1, index.flatten())
    return bias.view(-1, *index.shape)
