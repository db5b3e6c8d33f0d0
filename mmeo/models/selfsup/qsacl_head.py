# Copyright (c) mmeo contributors. All rights reserved.
"""Learned queries collect what belongs together from each view."""

from collections.abc import Mapping
from typing import Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS

from ..layers import MLP, fused_attention


class QueryAttention(nn.Module):
    """Attention of queries to tokens, in heads.

    Args:
        embed_dims (int): Channels D.
        num_heads (int): Must divide D.
    """

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ConfigError(f'num_heads={num_heads} does not divide '
                              f'embed_dims={embed_dims}: choose a divisor.')
        self.num_heads = num_heads
        self.q = nn.Linear(embed_dims, embed_dims)
        self.kv = nn.Linear(embed_dims, 2 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, queries: Tensor, tokens: Tensor,
                mask: Optional[Tensor] = None) -> Tensor:
        """``(N, m, D)`` and ``(N, L, D)`` to ``(N, m, D)``.

        Args:
            queries (Tensor): ``(N, m, D)``.
            tokens (Tensor): ``(N, L, D)``.
            mask (Tensor, optional): ``(N, L)`` bool, tokens to read; at least
                one in each row. Defaults to None, all.
        """
        q, (k, v) = self.q(queries), self.kv(tokens).chunk(2, -1)
        # (N, L, D) -> (N, heads, L, D / heads)
        q, k, v = (x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
                   for x in (q, k, v))
        if mask is not None:
            mask = mask[:, None, None]  # (N, 1, 1, L)
        out = fused_attention(q, k, v, mask)
        return self.proj(out.transpose(1, 2).flatten(2))


@MODELS.register_module()
class QSACLHead(BaseModule):
    """One decoder layer of m queries over a view, then a projection.

    Source: SkySense V2, query-based semantic aggregation. The numbers of
    channels and heads, and that queries do not see each other, are ours.
    Student and teacher have one each; all modalities share it.

    Args:
        in_channels (int): Channels C of the maps.
        contrast (dict): :class:`DINOContrast` or :class:`InfoNCE`.
        num_queries (int): m. Defaults to 16.
        embed_dims (int): D. Defaults to 1024.
        num_heads (int): Defaults to 16.
        mlp_ratio (float): Defaults to 4.0.
        self_attention (bool): Let queries see each other first, which mixes
            them. Defaults to False.
        init_cfg (dict, optional): Of mmengine.
    """

    def __init__(self,
                 in_channels: int,
                 contrast: Mapping,
                 num_queries: int = 16,
                 embed_dims: int = 1024,
                 num_heads: int = 16,
                 mlp_ratio: float = 4.0,
                 self_attention: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.num_queries = num_queries
        self.queries = nn.Parameter(torch.empty(num_queries, embed_dims))
        nn.init.trunc_normal_(self.queries, std=0.02)
        self.norm_tokens = nn.LayerNorm(in_channels)
        self.tokens = nn.Linear(in_channels, embed_dims)
        self.norm_self = nn.LayerNorm(embed_dims) if self_attention else None
        self.self_attn = QueryAttention(embed_dims, num_heads) \
            if self_attention else None
        self.norm_cross = nn.LayerNorm(embed_dims)
        self.cross_attn = QueryAttention(embed_dims, num_heads)
        self.norm_mlp = nn.LayerNorm(embed_dims)
        self.mlp = MLP(embed_dims, int(embed_dims * mlp_ratio))
        self.norm_out = nn.LayerNorm(embed_dims)
        self.head = MODELS.build(dict(contrast)).build_head(embed_dims)

    def aggregate(self, tokens: Tensor,
                  mask: Optional[Tensor] = None) -> Tensor:
        """Collect ``z_1 … z_m`` from views.

        Args:
            tokens (Tensor): ``(N, L, C)``.
            mask (Tensor, optional): ``(N, L)`` bool, see
                :class:`QueryAttention`. Defaults to None.

        Returns:
            Tensor: ``(N, m, D)``.
        """
        tokens = self.tokens(self.norm_tokens(tokens))
        z = self.queries.to(tokens.dtype).expand(len(tokens), -1, -1)
        if self.self_attn is not None:
            x = self.norm_self(z)
            z = z + self.self_attn(x, x)
        z = z + self.cross_attn(self.norm_cross(z), tokens, mask)
        z = z + self.mlp(self.norm_mlp(z))
        return self.norm_out(z)

    def forward(self, maps: Tensor, valid: Tensor,
                samples: Tensor) -> Tensor:
        """Project one modality's maps of views of one size.

        Args:
            maps (Tensor): ``(V, B, T, C, h, w)``.
            valid (Tensor): ``(V, B, T)`` bool.
            samples (Tensor): ``(B, )`` bool, those to project, which have a
                valid frame in each view.

        Returns:
            Tensor: ``(V, S * m, K)`` for S samples; row ``s * m + i`` is
            query i of sample s.
        """
        maps, valid = maps[:, samples], valid[:, samples]
        views, count, frames, _, height, width = maps.shape
        # (V, S, T, C, h, w) -> (V * S, T * h * w, C)
        tokens = maps.permute(0, 1, 2, 4, 5, 3).flatten(2, 4).flatten(0, 1)
        mask = None
        if frames > 1:
            mask = valid.flatten(0, 1).repeat_interleave(height * width, 1)
        z = self.aggregate(tokens, mask)
        return self.head(z.flatten(0, 1)).unflatten(
            0, (views, count * self.num_queries))
