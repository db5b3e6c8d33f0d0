# Copyright (c) mmeo contributors. All rights reserved.
"""Means and rows over all processes, which may hold different numbers."""

import torch
from mmengine.dist import all_gather, all_reduce, get_rank, get_world_size
from torch import Tensor


def mean_over_ranks(values: Tensor, weights: Tensor = None) -> Tensor:
    """This process's part of the mean of all processes' values.

    Averaged over processes, as DDP and FSDP average gradients, it is the mean
    over all values. All processes must make the call; without any value it is
    0 and passes gradients of 0.

    Args:
        values (Tensor): ``(N, )``.
        weights (Tensor, optional): ``(N, )``, not negative. Defaults to 1
            each.

    Returns:
        Tensor: Scalar.
    """
    if weights is not None:
        values = values * weights
    count = values.new_tensor(float(len(values))) if weights is None else \
        weights.detach().sum()
    all_reduce(count, 'mean')
    return values.sum() / count.clamp(min=torch.finfo(count.dtype).tiny)


@torch.no_grad()
def gather_rows(rows: Tensor) -> tuple[Tensor, int]:
    """Rows of all processes, and the number of this process's first one.

    Args:
        rows (Tensor): ``(N, D)``, N may differ.

    Returns:
        tuple[Tensor, int]: ``(sum N, D)`` without gradient.
    """
    if get_world_size() == 1:
        return rows.detach(), 0
    counts = [int(n) for n in all_gather(
        torch.tensor([len(rows)], device=rows.device))]
    padded = rows.new_zeros(max(counts), rows.shape[1])
    padded[:len(rows)] = rows.detach()
    parts = [part[:n] for part, n in zip(all_gather(padded), counts)]
    return torch.cat(parts), sum(counts[:get_rank()])
