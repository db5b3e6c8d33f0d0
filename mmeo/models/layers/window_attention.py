# Copyright (c) mmeo contributors. All rights reserved.
"""Cosine attention in (shifted) windows of a map."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from mmeo.errors import ConfigError

from .position_bias import position_bias
from .products import linear, scaled_linear
from .window_layout import (
    WindowLayout,
    fit_windows,
    merge,
    pad_map,
    partition,
    shift_mask,
)


class WindowAttention(nn.Module):
    """Attention of Swin Transformer V2 with its windows.

    ``softmax(cos(q, k) * scale + B) v``: a scale for each head, at most 100;
    B from a small network that sees the offset between two pixels; q and v
    have a bias, k has none (arXiv 2111.09883, section 3.3).

    Args:
        embed_dims (int): Channels C.
        num_heads (int): Heads; must divide ``embed_dims``.
        window_size (int): Side of a window in pixels. Defaults to 8.
        shift (bool): Move the windows by half their side. Defaults to False.
        pretrained_window_size (int): Side of the windows at pretraining, in
            which offsets are measured; 0 is ``window_size``. Defaults to 0.
        pad_small_map (bool): See :func:`fit_windows`. Defaults to False.

    Raises:
        ConfigError: If ``num_heads`` does not divide ``embed_dims``.
    """

    def __init__(self,
                 embed_dims: int,
                 num_heads: int,
                 window_size: int = 8,
                 shift: bool = False,
                 pretrained_window_size: int = 0,
                 pad_small_map: bool = False) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ConfigError(
                f'num_heads={num_heads} does not divide embed_dims='
                f'{embed_dims}: choose a divisor.')
        self.num_heads = num_heads
        self.window_size = window_size
        self.shift_size = window_size // 2 if shift else 0
        self.offset_unit = (pretrained_window_size or window_size, ) * 2
        self.pad_small_map = pad_small_map
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims, bias=False)
        self.q_bias = Parameter(torch.zeros(embed_dims))
        self.v_bias = Parameter(torch.zeros(embed_dims))
        self.logit_scale = Parameter(
            torch.full((num_heads, 1, 1), math.log(10)))
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512), nn.ReLU(inplace=True),
            nn.Linear(512, num_heads, bias=False))
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to the same shape."""
        layout = fit_windows(*x.shape[1:3], self.window_size,
                             self.shift_size, self.pad_small_map)
        bias = torch.cat((self.q_bias, torch.zeros_like(self.q_bias),
                          self.v_bias))
        qkv = linear(pad_map(x, layout), self.qkv.weight, bias)
        scale = self.logit_scale.clamp(max=math.log(100)).exp()
        table = position_bias(self.cpb_mlp, layout.window, self.offset_unit)
        out = eager_window_attention(qkv, scale, table, layout)
        out = out[:, :layout.height, :layout.width]
        return scaled_linear(self.proj, out)


def eager_window_attention(qkv: Tensor, scale: Tensor, bias: Tensor,
                           layout: WindowLayout) -> Tensor:
    """Cosine attention in windows, written out.

    Args:
        qkv (Tensor): Padded map ``(B, H', W', 3C)`` of queries, keys and
            values, each ``heads * D`` channels.
        scale (Tensor): ``(heads, 1, 1)``, multiplies cosines.
        bias (Tensor): ``(heads, N, N)``, added to scores.
        layout (WindowLayout): The windows.

    Returns:
        Tensor: ``(B, H', W', C)``.
    """
    heads, tokens = bias.shape[:2]
    windows = partition(qkv, layout)  # (B * windows, N, 3C)
    # (B * windows, N, 3, heads, D) -> 3 of (B * windows, heads, N, D)
    q, k, v = windows.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT
    scores = scores * scale + bias
    if any(layout.shift):
        mask = shift_mask(layout, qkv.device)[:, None]
        scores = scores.unflatten(0, (-1, len(mask))) + mask
        scores = scores.flatten(0, 1)
    out = scores.softmax(dim=-1).to(v.dtype) @ v
    return merge(out.transpose(1, 2).flatten(2), layout)
