# Copyright (c) mmeo contributors. All rights reserved.
"""Balanced assignment of samples to prototypes."""

from typing import Optional

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor


def _log_sum_over_ranks(local: Tensor) -> Tensor:
    """``log(sum of exp(local))`` over the ranks, entry by entry."""
    peak = local.clone()
    all_reduce(peak, 'max')
    peak = torch.where(peak.isfinite(), peak, 0.)
    total = (local - peak).exp()
    all_reduce(total, 'sum')
    return total.log() + peak


@torch.no_grad()
def sinkhorn(scores: Tensor,
             eps: float = 0.05,
             iterations: int = 3,
             row_weights: Optional[Tensor] = None,
             sync: bool = True) -> Tensor:
    """Assign each row to the columns so that all columns get as much.

    Sinkhorn-Knopp on ``exp(scores / eps)``, columns first, then rows, as
    DINOv2 and SwAV do; here with logarithms, so that no score is too large.
    The rows are those of all ranks together, unless ``sync`` is False. Ranks
    may hold different numbers of rows, none included, but all have to make
    the call. Several matrices are balanced each for itself.

    Args:
        scores (Tensor): ``(..., N, K)``, similarities, larger is closer.
        eps (float): Temperature; small values give hard assignments.
            Defaults to 0.05.
        iterations (int): Defaults to 3.
        row_weights (Tensor, optional): ``(..., N)``, not negative. A row of
            weight 2 counts as two equal rows, one of weight 0 is assigned but
            moves no other. Defaults to None, 1 each.
        sync (bool): Balance over all ranks. Defaults to True.

    Returns:
        Tensor: ``(..., N, K)`` float32 without gradient. Each row sums to
        1, each column to the sum of weights over K, the latter the closer the
        more iterations.
    """
    scores = scores.float() / eps
    if row_weights is None:
        row_weights = scores.new_ones(scores.shape[:-1])
    log_weights = row_weights.to(scores).log()
    rows = log_weights  # logarithmic factor of each row, (..., N)
    columns = scores.new_zeros((*scores.shape[:-2], scores.shape[-1]))
    sync = sync and get_world_size() > 1
    for _ in range(iterations):
        columns = -(scores + rows[..., None]).logsumexp(dim=-2)
        if sync:
            columns = -_log_sum_over_ranks(-columns)
        # no row has weight on any rank: nothing to balance
        columns = torch.where(columns.isfinite(), columns, 0.)
        rows = log_weights - (scores + columns[..., None, :]).logsumexp(-1)
    return (scores + columns[..., None, :]).softmax(dim=-1)
