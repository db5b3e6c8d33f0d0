# Copyright (c) mmeo contributors. All rights reserved.
"""Pre-norm transformer block, with or without layer scale."""

from typing import Optional

from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from .attention import SelfAttention
from .products import scaled_linear


class MLP(nn.Module):
    """Two linear layers around an exact GELU.

    Args:
        embed_dims (int): Channels in and out.
        hidden_dims (int): Channels between.
    """

    def __init__(self, embed_dims: int, hidden_dims: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dims, hidden_dims)
        self.fc2 = nn.Linear(hidden_dims, embed_dims)

    def forward(self, x: Tensor, scale: Optional[Tensor] = None) -> Tensor:
        """Map ``(..., C)`` to ``(..., C)``.

        Args:
            x (Tensor): ``(..., C)``.
            scale (Tensor, optional): ``(C, )``, multiplies the result.
                Defaults to None.
        """
        return scaled_linear(self.fc2, scaled_linear(self.fc1, x), scale,
                             gelu=True)


class TransformerBlock(nn.Module):
    """``x + ls1 * attn(norm1(x))``, then ``x + ls2 * mlp(norm2(x))``.

    Layer scale multiplies a branch before its drop path, as in InternViT;
    without it this is the plain block of ViT.

    Args:
        embed_dims (int): Channels.
        num_heads (int): Attention heads.
        mlp_ratio (float): Hidden over outer channels of the MLP. Defaults to
            4.0.
        qkv_bias (bool): Defaults to True.
        qk_norm (bool): Defaults to False.
        drop_path_rate (float): Probability of dropping a branch per sample.
            Defaults to 0.0.
        layer_scale_init (float, optional): First value of ``ls1`` and
            ``ls2``; None leaves both out. Defaults to 0.1.
        fused (bool): See :class:`SelfAttention`. Defaults to True.
        ffn (nn.Module, optional): Maps ``(B, N, C)`` to ``(B, N, C)`` in the
            place of the MLP, e.g. a mixture of experts, which takes no layer
            scale. Defaults to None.
    """

    def __init__(self,
                 embed_dims: int,
                 num_heads: int,
                 mlp_ratio: float = 4.0,
                 qkv_bias: bool = True,
                 qk_norm: bool = False,
                 drop_path_rate: float = 0.0,
                 layer_scale_init: Optional[float] = 0.1,
                 fused: bool = True,
                 ffn: Optional[nn.Module] = None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.attn = SelfAttention(embed_dims, num_heads, qkv_bias, qk_norm,
                                  fused)
        self.norm2 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.has_own_ffn = ffn is not None
        self.mlp = ffn if self.has_own_ffn else MLP(
            embed_dims, int(embed_dims * mlp_ratio))
        self.ls1 = self.ls2 = None
        if layer_scale_init is not None:
            self.ls1, self.ls2 = (
                Parameter(self.norm1.weight.new_full((embed_dims, ),
                                                     layer_scale_init))
                for _ in range(2))
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor, mask: Optional[Tensor] = None,
                rotary: Optional[tuple[Tensor, Tensor]] = None) -> Tensor:
        """Map tokens ``(B, N, C)`` to ``(B, N, C)``.

        Args:
            x (Tensor): ``(B, N, C)``.
            mask (Tensor, optional): See :func:`eager_attention`.
            rotary (tuple[Tensor, Tensor], optional): See
                :class:`SelfAttention`.
        """
        x = x + self.drop_path(
            self.attn(self.norm1(x), mask, self.ls1, rotary))
        y = self.norm2(x)
        y = self.mlp(y) if self.has_own_ffn else self.mlp(y, self.ls2)
        return x + self.drop_path(y)
