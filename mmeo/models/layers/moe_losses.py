# Copyright (c) mmeo contributors. All rights reserved.
"""What keeps a router from sending everything to one expert."""

from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor


def balance_loss(sums: Tensor, counts: Tensor, tokens: Tensor) -> Tensor:
    """``M * sum_i f_i * P_i``: 1 where all experts get and weigh the same.

    Source: Switch Transformers (arXiv 2101.03961), Eqs. 4-6; with k experts
    per token, f is the share of all choices.

    Args:
        sums (Tensor): ``(M, )``, probabilities summed over tokens.
        counts (Tensor): ``(M, )``, choices of each expert, without gradient.
        tokens (Tensor): Number of tokens, a scalar.

    Returns:
        Tensor: A scalar; its gradient goes to ``sums``.
    """
    share = counts / counts.sum().clamp(min=1)
    return len(counts) * (share * sums / tokens.clamp(min=1)).sum()


def sum_over_ranks(local: Tensor) -> Tensor:
    """Sum of all ranks' values; its gradient goes to this rank's, times R.

    A distributed optimizer averages the gradients of the R ranks; those of a
    loss of sums over all ranks must be added. Hence the factor. Nothing is
    communicated in the backward pass.

    Args:
        local (Tensor): Of the same shape on all ranks.
    """
    ranks = get_world_size()
    if ranks == 1:
        return local
    total = local.detach().clone()
    all_reduce(total, 'sum')
    return total + ranks * (local - local.detach())


def auxiliary_loss(logits: Tensor, probs: Tensor, counts: Tensor,
                   balance_weight: float, z_weight: float,
                   sync: bool = True) -> Tensor:
    """Weighted balance loss and router z-loss.

    The z-loss is the mean of ``logsumexp(logits) ** 2``, which keeps the
    logits small. Source: ST-MoE (arXiv 2202.08906), Eq. 5.

    Args:
        logits (Tensor): ``(N, M)`` float32.
        probs (Tensor): ``(N, M)``, their softmax.
        counts (Tensor): ``(M, )``, choices of each expert.
        balance_weight (float): Weight of :func:`balance_loss`.
        z_weight (float): Weight of the z-loss.
        sync (bool): Count the tokens of all ranks. Defaults to True.

    Returns:
        Tensor: A scalar.
    """
    experts = logits.shape[1]
    z = logits.logsumexp(dim=1).square().sum()
    number = torch.full_like(z, len(logits))
    local = torch.cat((probs.sum(0), torch.stack((z, number)),
                       counts.to(probs)))
    # one message: probabilities (M), z, number of tokens, counts (M)
    total = sum_over_ranks(local) if sync else local
    sums, (z, number), counts = total.split((experts, 2, experts))
    return (balance_weight * balance_loss(sums, counts, number)
            + z_weight * z / number.clamp(min=1))


class AddLoss(torch.autograd.Function):
    """Return ``x``; in the backward pass ``scale * loss`` counts as a loss.

    So an auxiliary loss trains in any model, whose own losses need not know
    of it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, loss: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(loss.new_tensor(scale))
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        scale, = ctx.saved_tensors
        return grad, scale, None
