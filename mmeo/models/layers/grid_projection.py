# Copyright (c) mmeo contributors. All rights reserved.
"""Tokens of a coarse grid, projected and spread over a finer one."""

import torch.nn.functional as F
from torch import Tensor, nn

from .products import linear


class GridProjection(nn.Module):
    """Project to other channels, each token to ``ratio * ratio`` of them.

    Source: the up-head of SkySense's public code, a 1 x 1 convolution and a
    pixel shuffle. On the grid as it is, the mean of the ``ratio ** 2`` blocks
    of the weight projects: the mean of what the finer grid would hold, as
    adaptive patch merging does when it preserves a map (our choice).

    Rows of the weight are ordered ``(row, column, channel)``.

    Args:
        in_channels (int): Channels C.
        out_channels (int): Channels D.
        ratio (int): Finer tokens per side of a token. Defaults to 1.
    """

    def __init__(self, in_channels: int, out_channels: int,
                 ratio: int = 1) -> None:
        super().__init__()
        self.ratio = ratio
        self.proj = nn.Linear(in_channels, ratio * ratio * out_channels)

    def forward(self, x: Tensor, fine: bool = False) -> Tensor:
        """Project a map.

        Args:
            x (Tensor): ``(n, h, w, C)``.
            fine (bool): Onto the finer grid. Defaults to False.

        Returns:
            Tensor: ``(n, h, w, D)``, or ``(n, r * h, r * w, D)``.
        """
        weight, bias, r = self.proj.weight, self.proj.bias, self.ratio
        if not fine and r > 1:
            weight = weight.unflatten(0, (r * r, -1)).mean(0)
            bias = bias.unflatten(0, (r * r, -1)).mean(0)
        out = linear(x, weight, bias)
        if not fine:
            return out
        n, h, w = x.shape[:3]
        out = out.view(n, h, w, r, r, out.shape[-1] // (r * r))
        # (n, h, w, r, r, D) -> (n, h, r, w, r, D)
        return out.transpose(2, 3).reshape(n, h * r, w * r, out.shape[-1])


def resize_grid(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a map to another size: means when smaller, bilinear when larger.

    Args:
        x (Tensor): ``(n, C, h, w)``.
        size (tuple[int, int]): Height and width.

    Returns:
        Tensor: ``(n, C, *size)``.
    """
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    if not len(x):  # interpolate refuses empty batches
        return x.new_zeros((0, x.shape[1], *size)) + x.sum()
    if x.shape[-2] >= size[0] and x.shape[-1] >= size[1]:
        return F.adaptive_avg_pool2d(x, size)
    return F.interpolate(x, size, mode='bilinear', align_corners=False)
