# Copyright (c) mmeo contributors. All rights reserved.
"""What different sensors see at one place should be told as the same."""

from collections.abc import Mapping
from itertools import combinations

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmeo.registry import MODELS

from ..losses import InfoNCE, mean_over_ranks
from .branch import Views
from .mgcl_head import mean_frame


@MODELS.register_module()
class AlignmentHead(BaseModule):
    """Contrast of co-located tokens of each two modalities.

    SkySense's cross-modal alignment, which what is known of V2 leaves out:
    its weight is 0 by default. Finer maps are averaged to the coarsest grid,
    series over their frames (our choice).

    Args:
        in_channels (int): Channels C of the maps.
        embed_dims (int): Of an embedding. Defaults to 256.
        hidden_dims (int): Of the MLP. Defaults to 2048.
        temperature (float): Defaults to 0.1.
    """

    def __init__(self, in_channels: int, embed_dims: int = 256,
                 hidden_dims: int = 2048, temperature: float = 0.1) -> None:
        super().__init__()
        self.contrast = InfoNCE(embed_dims, hidden_dims,
                                temperature=temperature)
        self.head = self.contrast.build_head(in_channels)

    def forward(self, views: Mapping[str, Views]) -> Tensor:
        """Mean over pairs of modalities and both directions.

        Args:
            views (dict[str, Views]): By modality, of the same crops.

        Returns:
            Tensor: Scalar.
        """
        found = {name: mean_frame(v.maps, v.valid)
                 for name, v in views.items()}
        # A sensor that no sample has comes as a blank map of any size.
        seen = [maps for maps, valid in found.values() if valid.any()] or [
            maps for maps, _ in found.values()]
        grid = min((maps.shape[-2:] for maps in seen),
                   key=lambda size: size[0] * size[1])
        tokens = {name: (self._tokens(maps, grid), valid[:, :, 0])
                  for name, (maps, valid) in found.items()}
        losses = []
        for first, second in combinations(tokens, 2):
            (a, valid), (b, also) = tokens[first], tokens[second]
            both = valid & also  # (V, B)
            a, b = (self.head(x[both].flatten(0, 1))[None] for x in (a, b))
            for x, y in ((a, b), (b, a)):
                rows = self.contrast.pairwise(x, y)[0, 0]
                losses.append(mean_over_ranks(rows))
        return sum(losses) / len(losses)

    @staticmethod
    def _tokens(maps: Tensor, grid: tuple[int, int]) -> Tensor:
        """``(V, B, 1, C, h, w)`` to ``(V, B, cells, C)``."""
        cells = F.adaptive_avg_pool2d(maps.flatten(0, 2).float(), grid)
        cells = cells.flatten(2).transpose(1, 2)
        return cells.unflatten(0, maps.shape[:2])
