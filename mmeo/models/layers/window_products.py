# Copyright (c) mmeo contributors. All rights reserved.
"""Cosine attention in windows: written out, and through torch's kernels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .window_layout import (
    WindowLayout,
    merge,
    partition,
    shift_mask,
    window_kinds,
)


def _split(windows: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """q, k, v from windows: q and k of length 1.

    Args:
        windows (Tensor): ``(..., N, 3 * heads * D)``.
        heads (int): Heads.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Each ``(windows, heads, N, D)``, the
        leading dimensions flattened.
    """
    windows = windows.flatten(0, -3).unflatten(-1, (3, heads, -1))
    q, k, v = windows.permute(2, 0, 3, 1, 4)
    return F.normalize(q, dim=-1), F.normalize(k, dim=-1), v


def eager_window_attention(qkv: Tensor, scale: Tensor, bias: Tensor,
                           layout: WindowLayout) -> Tensor:
    """Cosine attention in windows, written out; twin of the faster ways.

    Args:
        qkv (Tensor): Padded map ``(B, H', W', 3C)`` of queries, keys and
            values, each ``heads * D`` channels.
        scale (Tensor): ``(heads, 1, 1)``, multiplies cosines.
        bias (Tensor): ``(heads, N, N)``, added to scores.
        layout (WindowLayout): The windows.

    Returns:
        Tensor: ``(B, H', W', C)``.
    """
    q, k, v = _split(partition(qkv, layout), len(bias))
    scores = q @ k.mT * scale + bias  # (B * windows, heads, N, N)
    if any(layout.shift):
        mask = shift_mask(layout, qkv.device)[:, None]
        scores = scores.unflatten(0, (len(qkv), len(mask))) + mask
        scores = scores.flatten(0, 1)
    out = scores.softmax(dim=-1).to(v.dtype) @ v
    # (B * windows, heads, N, D) -> (B * windows, N, C)
    return merge(out.transpose(1, 2).flatten(2), layout)


def fused_window_attention(qkv: Tensor, scale: Tensor, bias: Tensor,
                           layout: WindowLayout) -> Tensor:
    """:func:`eager_window_attention` through scaled dot product attention.

    Windows are called kind by kind, so that a mask is never made for each of
    them. On a CPU torch has no fused kernel for a bias that needs a gradient
    and takes its plain one.
    """
    if not len(qkv):  # kernels would leave the bias without any gradient
        return eager_window_attention(qkv, scale, bias, layout)
    windows = partition(qkv, layout).unflatten(0, (len(qkv), *layout.grid))

    def attend(part: Tensor, table: Tensor) -> Tensor:
        q, k, v = _split(part, len(bias))
        table = table.to(v.dtype).expand(len(q), -1, -1, -1)
        out = F.scaled_dot_product_attention(
            (q * scale).to(v.dtype), k.to(v.dtype), v, table, scale=1.0)
        # (windows, heads, N, D) -> (B, rows, columns, N, C)
        return out.transpose(1, 2).reshape(
            *part.shape[:-1], part.shape[-1] // 3)

    parts = torch.cat([
        torch.cat([
            attend(windows[:, kind.rows, kind.columns],
                   bias if kind.mask is None else bias + kind.mask)
            for kind in row
        ], dim=2) for row in window_kinds(layout, qkv.device)
    ], dim=1)  # (B, rows, columns, N, C)
    return merge(parts.flatten(0, 2), layout)
