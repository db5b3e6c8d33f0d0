# Copyright (c) mmeo contributors. All rights reserved.
"""Softmax attention: one fused path and its plain twin."""

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmeo.errors import ConfigError

from .ground_position import rotate
from .products import scaled_linear


def eager_attention(q: Tensor,
                    k: Tensor,
                    v: Tensor,
                    mask: Optional[Tensor] = None) -> Tensor:
    """Attention written out, the reference of :func:`fused_attention`.

    Args:
        q (Tensor): Queries ``(B, heads, N, D)``.
        k (Tensor): Keys ``(B, heads, M, D)``.
        v (Tensor): Values ``(B, heads, M, D)``.
        mask (Tensor, optional): ``(B or 1, heads or 1, N, M)``; boolean
            (True = attend) or added to the scores. Defaults to None.

    Returns:
        Tensor: ``(B, heads, N, D)``.
    """
    scores = q @ k.transpose(-2, -1) * q.shape[-1]**-0.5
    if mask is not None:
        if mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask, float('-inf'))
        else:
            scores = scores + mask
    return scores.softmax(dim=-1) @ v


def fused_attention(q: Tensor,
                    k: Tensor,
                    v: Tensor,
                    mask: Optional[Tensor] = None) -> Tensor:
    """Attention through torch's kernels (flash where it can be used).

    Arguments and result are those of :func:`eager_attention`.
    """
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class SelfAttention(nn.Module):
    """Multi-head self-attention with one projection for q, k and v.

    Args:
        embed_dims (int): Channels C.
        num_heads (int): Heads; must divide ``embed_dims``.
        qkv_bias (bool): Bias of the joint projection. Defaults to True.
        qk_norm (bool): RMS-normalise queries and keys over all channels, as
            InternViT-6B does. Defaults to False.
        fused (bool): Use torch's fused kernel; False takes the plain twin.
            Defaults to True.

    Raises:
        ConfigError: If ``num_heads`` does not divide ``embed_dims``.
    """

    def __init__(self,
                 embed_dims: int,
                 num_heads: int,
                 qkv_bias: bool = True,
                 qk_norm: bool = False,
                 fused: bool = True) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ConfigError(
                f'num_heads={num_heads} does not divide embed_dims='
                f'{embed_dims}: choose a divisor.')
        self.num_heads = num_heads
        self.fused = fused
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims, bias=qkv_bias)
        self.q_norm = self._norm(embed_dims, qk_norm)
        self.k_norm = self._norm(embed_dims, qk_norm)
        self.proj = nn.Linear(embed_dims, embed_dims)

    @staticmethod
    def _norm(embed_dims: int, qk_norm: bool) -> nn.Module:
        return nn.RMSNorm(embed_dims, eps=1e-6) if qk_norm else nn.Identity()

    def forward(self, x: Tensor, mask: Optional[Tensor] = None,
                scale: Optional[Tensor] = None,
                rotary: Optional[tuple[Tensor, Tensor]] = None) -> Tensor:
        """Attend.

        Args:
            x (Tensor): Tokens ``(B, N, C)``.
            mask (Tensor, optional): See :func:`eager_attention`.
            scale (Tensor, optional): ``(C, )``, multiplies the result.
                Defaults to None.
            rotary (tuple[Tensor, Tensor], optional): Cosines and sines by
                which queries and keys turn, see :func:`rotate`. Defaults to
                None.

        Returns:
            Tensor: ``(B, N, C)``.
        """
        batch, length, channels = x.shape
        q, k, v = scaled_linear(self.qkv, x).chunk(3, dim=-1)  # each (B, N, C)
        q, k = self.q_norm(q), self.k_norm(k)
        # (B, N, C) -> (B, heads, N, D)
        shape = batch, length, self.num_heads, channels // self.num_heads
        q, k, v = (t.reshape(shape).transpose(1, 2) for t in (q, k, v))
        if rotary is not None:
            q, k = rotate(q, rotary), rotate(k, rotary)
        attend = fused_attention if self.fused else eager_attention
        out = attend(q, k, v, mask)
        out = out.transpose(1, 2).reshape(batch, length, channels)
        return scaled_linear(self.proj, out, scale)
