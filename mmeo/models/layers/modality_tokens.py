# Copyright (c) mmeo contributors. All rights reserved.
"""What is a modality's own: the tokenizer and its prompt tokens."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Tokenizer(nn.Module):
    """Convolution of whole patches, and a LayerNorm.

    Args:
        in_channels (int): Bands.
        embed_dims (int): Channels C of a token.
        patch_size (int): Side of a patch in pixels. Defaults to 4.
    """

    def __init__(self, in_channels: int, embed_dims: int,
                 patch_size: int = 4) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.projection = nn.Conv2d(in_channels, embed_dims, patch_size,
                                    patch_size)
        self.norm = nn.LayerNorm(embed_dims)

    def forward(self, x: Tensor) -> Tensor:
        """Cut an image into tokens.

        Args:
            x (Tensor): ``(B, bands, H, W)``; zeros are added on the right and
                below up to whole patches.

        Returns:
            Tensor: ``(B, ceil(H / p), ceil(W / p), C)``.
        """
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % self.patch_size,
                      0, -height % self.patch_size))
        return self.norm(self.projection(x).permute(0, 2, 3, 1))


class PromptTokens(nn.Module):
    """Learned tokens in front of a stage's image tokens.

    Args:
        num_tokens (int): Number of tokens.
        embed_dims (int): Channels C.
    """

    def __init__(self, num_tokens: int, embed_dims: int) -> None:
        super().__init__()
        self.prompt_tokens = nn.Parameter(torch.zeros(num_tokens, embed_dims))
        nn.init.trunc_normal_(self.prompt_tokens, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, N, C)`` to ``(B, num_tokens + N, C)``."""
        tokens = self.prompt_tokens.to(x.dtype).expand(x.shape[0], -1, -1)
        return torch.cat((tokens, x), dim=1)
