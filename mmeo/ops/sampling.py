# Copyright (c) mmeo contributors. All rights reserved.
"""Bilinear sampling of feature maps as a sparse matrix product.

A feature map becomes a table with one row of C channels per pixel. A sampled
value is a weighted sum of four rows, a pooled bin one of four rows per
sample: ``torch.nn.functional.embedding_bag``, which has fast kernels. Its
transpose, the gradient, is the same product with rows and bins exchanged.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def to_table(feature: Tensor) -> Tensor:
    """``(B, C, H, W)`` to a table ``(B * H * W, C)``."""
    return feature.permute(0, 2, 3, 1).reshape(-1, feature.size(1))


def from_table(table: Tensor, shape: torch.Size) -> Tensor:
    """Back from a table to a ``(B, C, H, W)`` view."""
    batch, channels, height, width = shape
    return table.view(batch, height, width, channels).permute(0, 3, 1, 2)


def bilinear_taps(y: Tensor, x: Tensor, height: int,
                  width: int) -> tuple[Tensor, Tensor]:
    """Pixels and weights of samples, with the border rule of RoIAlign.

    Samples up to one pixel outside the map are moved to its border, those
    farther away have weight 0.

    Args:
        y (Tensor): ``(...)`` rows, pixel centres at integers.
        x (Tensor): ``(...)`` columns.
        height (int): Height of the map.
        width (int): Width of the map.

    Returns:
        tuple[Tensor, Tensor]: Pixel indices ``y * width + x`` ``(..., 4)``
        int64, and weights ``(..., 4)``.
    """
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    # NaN is outside as well, and must not become an index
    y = torch.where(inside, y, 0).clamp_(0, height - 1)
    x = torch.where(inside, x, 0).clamp_(0, width - 1)
    y0, x0 = y.floor(), x.floor()
    ly, lx = y - y0, x - x0
    y0, x0 = y0.long(), x0.long()
    y1, x1 = (y0 + 1).clamp_(max=height - 1), (x0 + 1).clamp_(max=width - 1)
    y0, y1 = y0 * width, y1 * width
    index = torch.stack([y0 + x0, y0 + x1, y1 + x0, y1 + x1], dim=-1)
    hy, hx = 1 - ly, 1 - lx
    weight = torch.stack([hy * hx, hy * lx, ly * hx, ly * lx], dim=-1)
    return index, weight * inside[..., None]


def pool(table: Tensor, index: Tensor, weight: Tensor,
         offsets: Tensor) -> Tensor:
    """Weighted sums of table rows, one per bag.

    Args:
        table (Tensor): ``(P, C)``.
        index (Tensor): ``(T,)`` rows, bag after bag.
        weight (Tensor): ``(T,)``.
        offsets (Tensor): ``(N,)`` where each bag starts.

    Returns:
        Tensor: ``(N, C)``; an empty bag gives 0.
    """
    if index.numel() == 0:
        return table.new_zeros(offsets.numel(), table.size(1))
    return F.embedding_bag(index, table, offsets, mode='sum',
                           per_sample_weights=weight)


def scatter_pool(grad: Tensor, index: Tensor, weight: Tensor, bag: Tensor,
                 rows: int) -> Tensor:
    """Transpose of :func:`pool`: gradient of the table.

    Sorting by pixel makes it a :func:`pool` again, so it needs no atomic
    additions and is deterministic.

    Args:
        grad (Tensor): ``(N, C)`` gradients of the bags.
        index (Tensor): ``(T,)`` rows of the table.
        weight (Tensor): ``(T,)``.
        bag (Tensor): ``(T,)`` bag of each entry.
        rows (int): Number of rows of the table.

    Returns:
        Tensor: ``(rows, C)``.
    """
    index, order = index.sort()
    counts = torch.bincount(index, minlength=rows)
    offsets = counts.cumsum(0) - counts
    return pool(grad, bag[order], weight[order], offsets)
