# Copyright (c) mmeo contributors. All rights reserved.
"""Send each token to its experts and back, dropping none."""

from collections.abc import Callable, Sequence
from typing import Any, Optional

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class _TakeRows(torch.autograd.Function):
    """``x[order // copies]``; the gradient is gathered too, not scattered.

    ``order`` is a permutation of ``copies * N`` rows and ``inverse`` its
    inverse, so each row of ``x`` is used exactly ``copies`` times.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, inverse: Tensor,
                copies: int) -> Tensor:
        ctx.save_for_backward(inverse)
        ctx.copies = copies
        return x.index_select(0, order // copies if copies > 1 else order)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        inverse, = ctx.saved_tensors
        grad = grad.index_select(0, inverse)
        if ctx.copies > 1:
            # (N * k, C) -> (N, C)
            shape = (len(grad) // ctx.copies, ctx.copies, grad.shape[-1])
            grad = grad.view(shape).sum(1)
        return grad, None, None, None


class ExpertList(nn.ModuleList):
    """Any modules ``(n, C) -> (n, C')`` as the experts of :func:`dispatch`."""

    def forward(self, rows: Tensor, counts: Tensor) -> Tensor:
        """Let each expert have its rows.

        An expert without rows runs on none, so that its parameters get a
        gradient of zero on all ranks.

        Args:
            rows (Tensor): ``(N, C)``, those of the first expert first.
            counts (Tensor): ``(M, )``, rows of each expert.

        Returns:
            Tensor: ``(N, C')``.
        """
        parts = rows.split(counts.tolist())
        return torch.cat([expert(part) for expert, part in zip(self, parts)])


def dispatch(x: Tensor, index: Tensor, weight: Optional[Tensor],
             experts: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """``out[n] = sum_k weight[n, k] * experts[index[n, k]](x[n])``.

    Tokens are sorted by expert, so each expert works on one block of rows,
    however long: no capacity, no token is dropped.

    Args:
        x (Tensor): Tokens ``(N, C)``.
        index (Tensor): ``(N, k)`` int64, the experts of each token, from a
            learned router or given by the task.
        weight (Tensor, optional): ``(N, k)``; None is 1.
        experts (Callable): Has a length M and maps ``(rows (N * k, C) sorted
            by expert, counts (M, ))`` to ``(N * k, C')``: :class:`ExpertList`
            or :class:`~mmeo.models.layers.moe_experts.ExpertMLPs`.

    Returns:
        Tensor: ``(N, C')``.
    """
    copies = index.shape[1]
    order = index.flatten().argsort(stable=True)  # (N * k, )
    inverse = torch.empty_like(order)
    inverse[order] = torch.arange(len(order), device=order.device)
    counts = torch.bincount(index.flatten(), minlength=len(experts))
    rows = experts(_TakeRows.apply(x, order, inverse, copies), counts)
    out = _TakeRows.apply(rows, inverse, order, 1)  # back in place
    out = out.view(len(x), copies, out.shape[-1])  # (N, k, C')
    if weight is not None:
        out = out * weight.to(out.dtype)[..., None]
    return out.squeeze(1) if copies == 1 else out.sum(1)


def masked_dispatch(x: Tensor, index: Tensor, weight: Optional[Tensor],
                    experts: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
    """The plain twin of :func:`dispatch`: all experts see all tokens.

    Args:
        x (Tensor): ``(N, C)``.
        index (Tensor): ``(N, k)``.
        weight (Tensor, optional): ``(N, k)``; None is 1.
        experts (Sequence[Callable]): M functions ``(N, C) -> (N, C')``.

    Returns:
        Tensor: ``(N, C')``.
    """
    if weight is None:
        weight = x.new_ones(index.shape)
    out = 0
    for i, expert in enumerate(experts):
        share = (weight * (index == i)).sum(1, keepdim=True)  # (N, 1)
        out = out + share.to(x.dtype) * expert(x)
    return out
