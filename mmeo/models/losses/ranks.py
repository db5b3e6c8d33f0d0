# Copyright (c) mmeo contributors. All rights reserved.
"""Means and rows over all processes, which may hold different numbers."""

from typing import Any

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


class _GatherRows(torch.autograd.Function):
    """Rows of all processes; each gets back the gradients of its own."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> tuple[Tensor, Tensor]:
        every, first = _gather(rows)
        ctx.own = slice(first, first + len(rows))
        return every, torch.tensor(first)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> Tensor:
        grad = grad.contiguous()
        all_reduce(grad)
        return grad[ctx.own]


def gather_rows(rows: Tensor, grad: bool = False) -> tuple[Tensor, int]:
    """Rows of all processes, and the number of this process's first one.

    Args:
        rows (Tensor): ``(N, D)``, N may differ.
        grad (bool): Whether gradients flow back, to the process whose rows
            they are, summed over the losses of all processes. With gradients
            averaged over processes, as DDP and FSDP do, they are those of
            the mean of these losses. Then all processes must run backward.
            Defaults to False.

    Returns:
        tuple[Tensor, int]: ``(sum N, D)``, without gradient unless ``grad``.
    """
    if get_world_size() == 1:
        return rows if grad else rows.detach(), 0
    if grad:
        every, first = _GatherRows.apply(rows)
        return every, int(first)
    return _gather(rows)


@torch.no_grad()
def _gather(rows: Tensor) -> tuple[Tensor, int]:
    counts = [int(n) for n in all_gather(
        torch.tensor([len(rows)], device=rows.device))]
    padded = rows.new_zeros(max(counts), rows.shape[1])
    padded[:len(rows)] = rows.detach()
    parts = [part[:n] for part, n in zip(all_gather(padded), counts)]
    return torch.cat(parts), sum(counts[:get_rank()])
