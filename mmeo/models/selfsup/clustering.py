# Copyright (c) mmeo contributors. All rights reserved.
"""Objects of an image: groups of its pixels, all of the same size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import no_autocast


class Centroids(nn.Module):
    """Learned seeds of groups.

    Args:
        num_centroids (int): N_C.
        embed_dims (int): Channels C.
    """

    def __init__(self, num_centroids: int, embed_dims: int) -> None:
        super().__init__()
        self.centroids = nn.Parameter(torch.empty(num_centroids, embed_dims))
        nn.init.trunc_normal_(self.centroids, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Cosines ``(..., N_C)`` of tokens ``(..., C)``, float32."""
        seeds = F.normalize(self.centroids.float(), dim=-1, eps=1e-6)
        x = F.normalize(x.float(), dim=-1, eps=1e-6)
        with no_autocast(x.device):
            return x @ seeds.T


def pool_groups(tokens: Tensor, groups: Tensor) -> Tensor:
    """Mean token of each group.

    Args:
        tokens (Tensor): ``(..., N, C)``.
        groups (Tensor): ``(..., N, K)``, share of each token in each group.

    Returns:
        Tensor: ``(..., K, C)``.
    """
    shares = groups / groups.sum(-2, keepdim=True).clamp(min=1e-6)
    return shares.transpose(-2, -1).to(tokens.dtype) @ tokens
