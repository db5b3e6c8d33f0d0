# Copyright (c) mmeo contributors. All rights reserved.
"""Attention of queries to something else, or to each other."""

from typing import Optional

from torch import Tensor, nn

from mmeo.errors import ConfigError

from .attention import eager_attention, fused_attention


class QueryAttention(nn.Module):
    """Multi-head attention with projections for queries, keys and values.

    Args:
        embed_dims (int): Channels C.
        num_heads (int): Heads; must divide ``embed_dims``.
        fused (bool): Use torch's fused kernel; False takes the plain twin.
            Defaults to True.

    Raises:
        ConfigError: If ``num_heads`` does not divide ``embed_dims``.
    """

    def __init__(self, embed_dims: int, num_heads: int,
                 fused: bool = True) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ConfigError(
                f'num_heads={num_heads} does not divide embed_dims='
                f'{embed_dims}: choose a divisor.')
        self.num_heads = num_heads
        self.fused = fused
        self.q = nn.Linear(embed_dims, embed_dims)
        self.k = nn.Linear(embed_dims, embed_dims)
        self.v = nn.Linear(embed_dims, embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, query: Tensor, key: Tensor, value: Tensor,
                mask: Optional[Tensor] = None) -> Tensor:
        """Attend.

        Args:
            query (Tensor): ``(B, N, C)``.
            key (Tensor): ``(B, M, C)``.
            value (Tensor): ``(B, M, C)``.
            mask (Tensor, optional): ``(B or 1, heads or 1, N, M)``; boolean
                (True = attend) or added to the scores. Defaults to None.

        Returns:
            Tensor: ``(B, N, C)``.
        """
        q, k, v = (self._split(layer(x)) for layer, x in (
            (self.q, query), (self.k, key), (self.v, value)))
        attend = fused_attention if self.fused else eager_attention
        out = attend(q, k, v, mask)  # (B, heads, N, D)
        return self.proj(out.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        """``(B, N, C)`` to ``(B, heads, N, D)``."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
