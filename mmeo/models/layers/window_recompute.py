# Copyright (c) mmeo contributors. All rights reserved.
"""Cosine attention in windows that keeps no more than q, k and v.

Autograd would keep normalised queries and keys, scores and probabilities;
here the backward pass makes them once more, some windows at a time, so that
they stay in the processor's cache. Windows are gathered from the map and
their results put back into it without shifted or cut copies of the map. The
mathematics is that of :func:`eager_window_attention`; the way is our choice.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .precision import no_autocast
from .window_layout import WindowLayout, partition, window_kinds

# Scores, or numbers of q, k and v, that are looked at together.
_CHUNK = {'cpu': 2**20, 'other': 2**26}
_EPS = 1e-12  # of torch.nn.functional.normalize


class _Chunk(NamedTuple):
    """Some windows of one kind: their pixels, and what scores are given."""

    pixels: Tensor  # (windows * N, ), places in the flattened batch of maps
    bias: Tensor  # (heads, N, N)


class _Unit(NamedTuple):
    """Directions and inverse lengths of queries or keys."""

    direction: Tensor  # (windows, heads, N, D)
    inverse: Tensor  # (windows, heads, N, 1)

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of the vectors and of the logarithm of a scale.

        Args:
            grad (Tensor): Of the directions, ``(windows, heads, N, D)``; is
                overwritten.

        Returns:
            tuple[Tensor, Tensor]: Of the vectors; and ``grad . direction``,
            ``(windows, heads, N, 1)``.
        """
        along = torch.linalg.vecdot(grad, self.direction)[..., None]
        grad.addcmul_(self.direction, along, value=-1)
        return grad.mul_(self.inverse), along


def _unit(x: Tensor) -> _Unit:
    """Normalise in float32 at least; a zero vector stays, without gradient.

    Keys of padding are exactly zero: a division by a tiny length would blow
    up in float16.
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    inverse = length.clamp(min=_EPS).reciprocal()
    inverse.masked_fill_(length <= _EPS, 0)
    return _Unit(x * inverse, inverse)


def _chunks(layout: WindowLayout, batch: int, channels: int, bias: Tensor
            ) -> Iterator[_Chunk]:
    """Cut a batch into chunks of windows of one kind."""
    height, width = layout.padded
    place = torch.arange(batch * height * width, device=bias.device)
    grid = partition(place.view(batch, height, width, 1), layout).view(
        batch, *layout.grid, layout.tokens)
    heads, tokens = bias.shape[:2]
    budget = _CHUNK['cpu' if bias.device.type == 'cpu' else 'other']
    step = max(1, budget // (tokens * max(heads * tokens, channels)))
    for row in window_kinds(layout, bias.device):
        for rows, columns, mask in row:
            table = bias if mask is None else bias + mask
            for pixels in grid[:, rows, columns].flatten(0, 2).split(step):
                yield _Chunk(pixels.flatten(), table)


class _Attention:
    """Attention of one chunk, as far as both passes need it."""

    def __init__(self, qkv: Tensor, scale: Tensor, chunk: _Chunk) -> None:
        heads, tokens = chunk.bias.shape[:2]
        rows = qkv.index_select(0, chunk.pixels)  # (windows * N, 3C)
        rows = rows.view(len(rows) // tokens, tokens, 3, heads,
                         rows.shape[1] // (3 * heads))
        q, k, self.v = rows.permute(2, 0, 3, 1, 4).contiguous()
        self.q, self.k = _unit(q), _unit(k)
        self.dtype = qkv.dtype
        self.scaled = (self.q.direction * scale).to(self.dtype)
        self.near = self.k.direction.to(self.dtype)
        scores = (self.scaled @ self.near.mT).to(scale.dtype)
        self.shares = scores.add_(chunk.bias).softmax(-1)

    def result(self) -> Tensor:
        """``(windows * N, C)``."""
        return _to_rows(self.shares.to(self.dtype) @ self.v)

    def backward(self, grad: Tensor, scale: Tensor
                 ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of q, k and v; of the logarithm of the scale; of scores.

        Args:
            grad (Tensor): Of the result, ``(windows * N, C)``.
            scale (Tensor): ``(heads, 1, 1)``.

        Returns:
            tuple[Tensor, Tensor, Tensor]: ``(windows * N, 3C)``;
            ``(heads, 1, 1)``; ``(windows, heads, N, N)``.
        """
        windows, heads, tokens, dims = self.v.shape
        # (windows * N, C) -> (windows, heads, N, D)
        grad = grad.view(windows, tokens, heads, dims).transpose(1, 2)
        grad = grad.contiguous()
        d_v = self.shares.to(self.dtype).mT @ grad
        d_shares = (grad @ self.v.mT).to(self.shares.dtype)
        d_scores = torch.ops.aten._softmax_backward_data(
            d_shares, self.shares, -1, self.shares.dtype)
        narrow = d_scores.to(self.dtype)
        d_q, along = self.q.backward(
            (narrow @ self.near).to(scale.dtype).mul_(scale))
        d_k, _ = self.k.backward(
            (narrow.mT @ self.scaled).to(scale.dtype))
        d_qkv = torch.cat([_to_rows(d.to(self.dtype)) for d in
                           (d_q, d_k, d_v)], dim=1)
        return d_qkv, along.sum((0, 2)).unsqueeze(-1), d_scores


def _to_rows(x: Tensor) -> Tensor:
    """``(windows, heads, N, D)`` -> ``(windows * N, heads * D)``."""
    windows, heads, tokens, dims = x.shape
    return x.transpose(1, 2).reshape(windows * tokens, heads * dims)


class _WindowAttention(torch.autograd.Function):
    """Attention over a flattened batch of padded maps ``(pixels, 3C)``."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, scale: Tensor, bias: Tensor,
                layout: WindowLayout) -> Tensor:
        ctx.save_for_backward(qkv, scale, bias)
        ctx.layout = layout
        rows = qkv.flatten(0, 2)
        out = rows.new_empty(len(rows), rows.shape[1] // 3)
        for chunk in _chunks(layout, len(qkv), rows.shape[1], bias):
            out.index_copy_(0, chunk.pixels,
                            _Attention(rows, scale, chunk).result())
        return out.view(*qkv.shape[:3], out.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        qkv, scale, bias = ctx.saved_tensors
        rows, grad = qkv.flatten(0, 2), grad.flatten(0, 2)
        d_qkv, d_bias = torch.empty_like(rows), torch.zeros_like(bias)
        d_log_scale = torch.zeros_like(scale)
        for chunk in _chunks(ctx.layout, len(qkv), rows.shape[1], bias):
            d_rows, d_log, d_scores = _Attention(rows, scale, chunk).backward(
                grad.index_select(0, chunk.pixels), scale)
            d_qkv.index_copy_(0, chunk.pixels, d_rows)
            d_log_scale += d_log
            d_bias += d_scores.sum(0)
        return d_qkv.view_as(qkv), d_log_scale / scale, d_bias, None


def recomputed_window_attention(qkv: Tensor, scale: Tensor, bias: Tensor,
                                layout: WindowLayout) -> Tensor:
    """:func:`eager_window_attention`, with less kept.

    Gradients of gradients need that twin.

    Args:
        qkv (Tensor): Padded map ``(B, H', W', 3C)`` of queries, keys and
            values, each ``heads * D`` channels.
        scale (Tensor): ``(heads, 1, 1)``, multiplies cosines.
        bias (Tensor): ``(heads, N, N)``, added to scores.
        layout (WindowLayout): The windows.

    Returns:
        Tensor: ``(B, H', W', C)``.
    """
    with no_autocast(qkv.device):
        wide = torch.promote_types(qkv.dtype, torch.float32)
        return _WindowAttention.apply(qkv, scale.to(wide), bias.to(wide),
                                      layout)
