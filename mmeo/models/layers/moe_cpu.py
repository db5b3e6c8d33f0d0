# Copyright (c) mmeo contributors. All rights reserved.
"""Experts on a CPU: less memory moved per product than autograd's way.

A dense layer transposes its weight once per step for a product over all
tokens; M experts transpose M weights for as many tokens. oneDNN reads
transposed matrices where they lie, so here no weight is copied, and gradients
of the experts are written straight into that of the whole parameter.
"""

from collections.abc import Sequence
from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .products import product


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b`` of any strides, through oneDNN if it can.

    Args:
        a (Tensor): ``(n, k)``.
        b (Tensor): ``(k, m)``.
    """
    if a.dtype != torch.float32 or not a.numel() or not hasattr(
            torch.ops.mkldnn, '_linear_pointwise'):
        return a @ b
    return torch.ops.mkldnn._linear_pointwise(a, b.t(), None, 'none', [], '')


class GroupedMLPs(torch.autograd.Function):
    """``W2_i gelu(W1_i x + b1_i) + b2_i``, i the group of the row.

    Keeps the rows and the hidden channels before GELU, which is taken once
    more in the backward pass.

    Args:
        rows (Tensor): ``(N, C)``, those of the first group first.
        w1, b1, w2, b2 (Tensor): ``(M, H, C)``, ``(M, H)``, ``(M, C, H)``,
            ``(M, C)``.
        counts (Sequence[int]): Rows of each group.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, w1: Tensor, b1: Tensor, w2: Tensor,
                b2: Tensor, counts: Sequence[int]) -> Tensor:
        out, hidden = torch.empty_like(rows), []
        for i, (x, y) in enumerate(zip(rows.split(counts),
                                       out.split(counts))):
            hidden.append(product(x, w1[i], b1[i]))
            y.copy_(product(F.gelu(hidden[-1]), w2[i], b2[i]))
        ctx.save_for_backward(rows, w1, w2, *hidden)
        ctx.counts = counts
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        rows, w1, w2, *hidden = ctx.saved_tensors
        needs = ctx.needs_input_grad
        learns = any(needs[1:5])
        d_rows = torch.empty_like(rows) if needs[0] else None
        d_w1, d_w2 = (torch.empty_like(w) if learns else None
                      for w in (w1, w2))
        d_b1, d_b2 = (w.new_zeros(w.shape[:2]) if learns else None
                      for w in (w1, w2))
        start = 0
        for i, (h, count) in enumerate(zip(hidden, ctx.counts)):
            here = slice(start, start + count)
            start += count
            if not count:
                if learns:
                    d_w1[i].zero_()
                    d_w2[i].zero_()
                continue
            x, g = rows[here], grad[here]
            d_h = torch.ops.aten.gelu_backward(matmul(g, w2[i]), h)
            if learns:
                d_w2[i].copy_(matmul(g.t(), F.gelu(h)))
                d_w1[i].copy_(matmul(d_h.t(), x))
                torch.sum(g, 0, out=d_b2[i])
                torch.sum(d_h, 0, out=d_b1[i])
            if d_rows is not None:
                d_rows[here].copy_(matmul(d_h, w1[i]))
        return d_rows, d_w1, d_b1, d_w2, d_b2, None
