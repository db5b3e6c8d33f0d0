# Copyright (c) mmeo contributors. All rights reserved.
"""Adaptive patch merging: one projection that halves a map or keeps it."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .products import linear


class AdaptivePatchMerging(nn.Module):
    """Merge 2 x 2 neighbours, or preserve the resolution, to 2C channels.

    Source: SkySense V2, adaptive patch merging. ``merge`` projects the
    concatenated neighbours by ``W`` (2C, 4C). ``preserve`` projects each
    pixel by the mean of the four (2C, C) blocks of ``W``: it equals ``merge``
    of a map in which every pixel fills a 2 x 2 square, divided by 4. No bias
    and a LayerNorm of 2C afterwards, as in Swin V2 (our choice, the note is
    silent). Which of both is an argument of the call, not a weight.

    Columns of ``W`` are ordered channel by channel, ``c * 4 + row * 2 +
    column``, as in mmpretrain's ``PatchMerging``.

    Args:
        embed_dims (int): Channels C of the input.
        own (Sequence[str]): Names of modalities that preserve by a projection
            (2C, C) and norm of their own instead of the shared mean.
            Defaults to ().
    """

    def __init__(self, embed_dims: int, own: Sequence[str] = ()) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * embed_dims, 2 * embed_dims, bias=False)
        self.norm = nn.LayerNorm(2 * embed_dims)
        self.own = nn.ModuleDict({
            name: nn.Sequential(
                nn.Linear(embed_dims, 2 * embed_dims, bias=False),
                nn.LayerNorm(2 * embed_dims))
            for name in own
        })

    def forward(self, x: Tensor, merge: bool, modality: str = '') -> Tensor:
        """Project a map.

        Args:
            x (Tensor): ``(B, H, W, C)``.
            merge (bool): True halves H and W (odd sides are padded by zeros),
                False keeps them.
            modality (str): Looked up in ``own`` when preserving. Defaults to
                ``''``.

        Returns:
            Tensor: ``(B, ceil(H / 2), ceil(W / 2), 2C)`` or ``(B, H, W, 2C)``.
        """
        if merge:
            return self.norm(self._merge(x))
        if modality in self.own:
            return self.own[modality](x)
        return self.norm(linear(x, self._blocks().mean(-1)))

    def _blocks(self) -> Tensor:
        """The weight as ``(2C, C, 4)``."""
        weight = self.reduction.weight
        return weight.view(weight.shape[0], -1, 4)

    def _merge(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        batch, height, width, channels = x.shape
        # (B, H/2, 2, W/2, 2, C) -> (B, H/2, W/2, 4C), neighbours outermost:
        # whole pixels are copied, and the weight is what gets permuted
        x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
        x = x.permute(0, 1, 3, 2, 4, 5).flatten(3)
        return linear(x, self._blocks().transpose(1, 2).flatten(1))
