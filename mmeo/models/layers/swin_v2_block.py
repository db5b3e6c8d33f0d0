# Copyright (c) mmeo contributors. All rights reserved.
"""Block of Swin Transformer V2 (arXiv 2111.09883)."""

from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from .transformer_block import MLP
from .window_attention import WindowAttention


class SwinV2Block(nn.Module):
    """``x + norm1(attn(x))``, then ``x + norm2(mlp(x))``, on a map.

    Args:
        embed_dims (int): Channels C.
        num_heads (int): Attention heads.
        window_size (int): Side of a window in pixels. Defaults to 8.
        shift (bool): Move the windows by half their side. Defaults to False.
        mlp_ratio (float): Hidden over outer channels of the MLP. Defaults to
            4.0.
        drop_path_rate (float): Probability of dropping a branch per sample.
            Defaults to 0.0.
        pretrained_window_size (int): See :class:`WindowAttention`. Defaults
            to 0.
        extra_norm (bool): Normalise the result once more, as some blocks of
            SkySense V1 do. Defaults to False.
        pad_small_map (bool): Pad a map that is smaller than the window
            instead of shrinking the window. Defaults to False.
    """

    def __init__(self,
                 embed_dims: int,
                 num_heads: int,
                 window_size: int = 8,
                 shift: bool = False,
                 mlp_ratio: float = 4.0,
                 drop_path_rate: float = 0.0,
                 pretrained_window_size: int = 0,
                 extra_norm: bool = False,
                 pad_small_map: bool = False) -> None:
        super().__init__()
        self.attn = WindowAttention(embed_dims, num_heads, window_size, shift,
                                    pretrained_window_size, pad_small_map)
        self.norm1 = nn.LayerNorm(embed_dims)
        self.mlp = MLP(embed_dims, int(embed_dims * mlp_ratio))
        self.norm2 = nn.LayerNorm(embed_dims)
        self.norm3 = (nn.LayerNorm(embed_dims) if extra_norm else
                      nn.Identity())
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to the same shape, for any H and W."""
        x = x + self.drop_path(self.norm1(self.attn(x)))
        x = x + self.drop_path(self.norm2(self.mlp(x)))
        return self.norm3(x)
