# Copyright (c) mmeo contributors. All rights reserved.
"""Objects of an image: groups of its pixels, all of the same size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
        with torch.autocast(x.device.type, enabled=False):
            return x @ seeds.T


@torch.no_grad()
def balanced_groups(scores: Tensor, eps: float = 0.05,
                    iterations: int = 3) -> Tensor:
    """Sinkhorn-Knopp within each image.

    Unlike :func:`mmeo.models.layers.sinkhorn.sinkhorn`, whose rows are those
    of all images of all processes.

    Args:
        scores (Tensor): ``(..., N, K)``.
        eps (float): Temperature. Defaults to 0.05.
        iterations (int): Defaults to 3.

    Returns:
        Tensor: ``(..., N, K)`` float32; rows sum to 1, columns to about
        N / K.
    """
    logs = scores.float() / eps
    for _ in range(iterations):
        logs = logs - logs.logsumexp(-2, keepdim=True)
        logs = logs - logs.logsumexp(-1, keepdim=True)
    return logs.exp()


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
