# Copyright (c) mmeo contributors. All rights reserved.
"""From vision tokens to embeddings of the language model."""

from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS


def pixel_shuffle(tokens: Tensor, grid: tuple[int, int],
                  ratio: int = 2) -> Tensor:
    """Fold ``ratio x ratio`` neighbouring tokens into the channels.

    Order ``v2`` of InternVL: tokens row-major, channels ordered by row offset,
    column offset, original channel.

    Args:
        tokens (Tensor): ``(B, h * w, C)``, row-major.
        grid (tuple[int, int]): ``(h, w)``, both multiples of ``ratio``.
        ratio (int): Defaults to 2.

    Returns:
        Tensor: ``(B, h * w / ratio**2, C * ratio**2)``.

    Raises:
        ConfigError: If the grid is no multiple of ``ratio``.
    """
    batch, _, channels = tokens.shape
    h, w = grid
    if h % ratio or w % ratio:
        raise ConfigError(
            f'{h} x {w} vision tokens cannot be folded {ratio} x {ratio}: '
            f'choose an image size whose grid is a multiple of {ratio}')
    x = tokens.view(batch, h // ratio, ratio, w // ratio, ratio, channels)
    x = x.permute(0, 1, 3, 2, 4, 5)  # (B, h/r, w/r, r, r, C)
    return x.reshape(batch, h * w // ratio**2, channels * ratio**2)


@MODELS.register_module()
class PixelShuffleProjector(nn.Module):
    """Pixel shuffle, then LayerNorm and a two-layer MLP (InternVL 2.5).

    Args:
        in_channels (int): Channels of the vision tower.
        out_channels (int): Hidden size of the language model.
        ratio (int): Side of the square of tokens that become one.
            Defaults to 2.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 ratio: int = 2) -> None:
        super().__init__()
        self.ratio = ratio
        self.norm = nn.LayerNorm(in_channels * ratio**2)
        self.fc1 = nn.Linear(in_channels * ratio**2, out_channels)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(out_channels, out_channels)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Project.

        Args:
            tokens (Tensor): ``(B, h * w, in_channels)``.
            grid (tuple[int, int]): ``(h, w)``.

        Returns:
            Tensor: ``(B, h * w / ratio**2, out_channels)``.
        """
        x = self.norm(pixel_shuffle(tokens, grid, self.ratio))
        return self.fc2(self.act(self.fc1(x)))


@MODELS.register_module()
class MLPProjector(nn.Module):
    """Two-layer MLP on each token (LLaVA ``mlp2x_gelu``).

    Args:
        in_channels (int): Channels of the vision tower.
        out_channels (int): Hidden size of the language model.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_channels, out_channels)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(out_channels, out_channels)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Project ``(B, h * w, in_channels)`` to ``out_channels``."""
        return self.fc2(self.act(self.fc1(tokens)))
