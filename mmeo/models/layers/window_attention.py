# Copyright (c) mmeo contributors. All rights reserved.
"""Cosine attention in (shifted) windows of a map."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from mmeo.errors import ConfigError

from .position_bias import position_bias
from .products import linear, own_path, scaled_linear
from .window_layout import fit_windows, pad_map
from .window_products import eager_window_attention, fused_window_attention
from .window_recompute import recomputed_window_attention

PATHS = dict(
    eager=eager_window_attention,
    fused=fused_window_attention,
    recompute=recomputed_window_attention)


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
        path (str): How to compute, with the same result. 'eager': written
            out. 'fused': torch's kernels. 'recompute': keep q, k and v only
            and compute the rest once more in the backward pass. 'auto':
            'recompute' on a CPU where :func:`scaled_linear` takes its own
            path, 'fused' on other devices, else 'eager'; on a GPU none of
            them has been timed. Defaults to 'auto'.

    Raises:
        ConfigError: If ``num_heads`` does not divide ``embed_dims``, or of an
            unknown path.
    """

    def __init__(self,
                 embed_dims: int,
                 num_heads: int,
                 window_size: int = 8,
                 shift: bool = False,
                 pretrained_window_size: int = 0,
                 pad_small_map: bool = False,
                 path: str = 'auto') -> None:
        super().__init__()
        if path not in ('auto', *PATHS):
            raise ConfigError(f"path='{path}' of the window attention: use "
                              f"one of 'auto', {str(list(PATHS))[1:-1]}.")
        if embed_dims % num_heads:
            raise ConfigError(
                f'num_heads={num_heads} does not divide embed_dims='
                f'{embed_dims}: choose a divisor.')
        self.num_heads = num_heads
        self.window_size = window_size
        self.shift_size = window_size // 2 if shift else 0
        self.offset_unit = (pretrained_window_size or window_size, ) * 2
        self.pad_small_map = pad_small_map
        self.path = path
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
        out = self._attend(qkv)(qkv, scale, table, layout)
        out = out[:, :layout.height, :layout.width]
        return scaled_linear(self.proj, out)

    def _attend(self, qkv: Tensor) -> Callable[..., Tensor]:
        if self.path != 'auto':
            return PATHS[self.path]
        if own_path(qkv, self.qkv.weight):
            return recomputed_window_attention
        if qkv.device.type != 'cpu':
            return fused_window_attention
        return eager_window_attention
