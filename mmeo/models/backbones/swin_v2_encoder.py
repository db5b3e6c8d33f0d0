# Copyright (c) mmeo contributors. All rights reserved.
"""Swin Transformer V2 in the form that SkySense V1 uses."""

from collections.abc import Mapping, Sequence
from typing import Union

import torch
from mmengine.model import BaseModule, trunc_normal_init
from torch import Tensor, nn

from mmeo.errors import ConfigError

from ..layers import (
    AdaptivePatchMerging,
    SwinV2Block,
    Tokenizer,
    maybe_checkpoint,
)

_ARCH = dict(
    embed_dims=352,
    depths=(2, 2, 18, 2),
    num_heads=(8, 16, 32, 64),
    extra_norm_every=6)


class SwinV2Encoder(BaseModule):
    """Four stages of window attention, with a norm on each returned map.

    Source: Swin Transformer V2 (arXiv 2111.09883) with mmpretrain's sizes of
    ``'huge'``, which are those of SkySense V1's public checkpoint. Equal to
    mmpretrain's ``SwinTransformerV2``, maps of any size besides.

    Args:
        arch (dict, optional): ``embed_dims``, four ``depths``, four
            ``num_heads`` and ``extra_norm_every`` (each so many blocks of a
            stage end with one more norm; 0 for none), or some of them.
            Defaults to None: 352, (2, 2, 18, 2), (8, 16, 32, 64), 6.
        in_channels (int): Bands. Defaults to 3.
        patch_size (int): In pixels. Defaults to 4.
        window_size (int or Sequence[int]): In tokens, of all or of each
            stage. Defaults to 8.
        pretrained_window_sizes (Sequence[int]): Of each stage, see
            :class:`WindowAttention`. Defaults to (0, 0, 0, 0).
        pad_small_map (bool): Pad maps smaller than a window instead of
            shrinking the window. Defaults to False.
        out_indices (Sequence[int]): Stages, 0 to 3, whose maps are returned.
            Defaults to all.
        drop_path_rate (float): Of the last block; earlier ones rise to it
            linearly from 0. Defaults to 0.0.
        frozen_stages (int): -1 trains all, 0 freezes the tokenizer, k also
            stages 1 to k. Defaults to -1.
        with_cp (bool): Recompute activations of each block in the backward
            pass. Defaults to False.

    Raises:
        ConfigError: If an argument does not fit.
    """

    def __init__(self,
                 arch: Union[Mapping, None] = None,
                 in_channels: int = 3,
                 patch_size: int = 4,
                 window_size: Union[int, Sequence[int]] = 8,
                 pretrained_window_sizes: Sequence[int] = (0, 0, 0, 0),
                 pad_small_map: bool = False,
                 out_indices: Sequence[int] = (0, 1, 2, 3),
                 drop_path_rate: float = 0.0,
                 frozen_stages: int = -1,
                 with_cp: bool = False) -> None:
        super().__init__()
        arch = _parse_arch(arch)
        if isinstance(window_size, int):
            window_size = (window_size, ) * 4
        self.embed_dims, self.depths = arch['embed_dims'], arch['depths']
        self.in_channels, self.with_cp = in_channels, with_cp
        self.out_indices = tuple(sorted(out_indices))
        self.frozen_stages = frozen_stages
        self._check(window_size, pretrained_window_sizes)

        dims = [self.embed_dims * 2**i for i in range(4)]
        rates = torch.linspace(0, drop_path_rate, sum(self.depths),
                               device='cpu').tolist()
        every = arch['extra_norm_every']
        self.tokenizer = Tokenizer(in_channels, dims[0], patch_size)
        self.merges = nn.ModuleList(
            AdaptivePatchMerging(width) for width in dims[:3])
        self.stages = nn.ModuleList(
            nn.ModuleList(
                SwinV2Block(
                    dims[i], arch['num_heads'][i], window_size[i],
                    shift=j % 2 == 1, drop_path_rate=rates.pop(0),
                    pretrained_window_size=pretrained_window_sizes[i],
                    extra_norm=bool(every) and (j + 1) % every == 0,
                    pad_small_map=pad_small_map) for j in range(depth))
            for i, depth in enumerate(self.depths))
        # Named by stage, so that a file with all norms loads into a model
        # that returns some maps.
        self.norms = nn.ModuleDict({
            str(i): nn.LayerNorm(dims[i]) for i in self.out_indices})
        for module in (self.merges, self.stages):
            for layer in module.modules():
                if isinstance(layer, nn.Linear):
                    trunc_normal_init(layer, std=0.02)
        self.freeze(frozen_stages)

    @property
    def num_layers(self) -> int:
        """Blocks of all stages."""
        return sum(self.depths)

    @property
    def out_channels(self) -> list[int]:
        """Channels of each returned map."""
        return [self.embed_dims * 2**i for i in self.out_indices]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode an image.

        Args:
            x (Tensor): ``(B, bands, H, W)``, any H and W.

        Returns:
            tuple[Tensor, ...]: For each of ``out_indices`` a map ``(B, C_i,
            h_i, w_i)`` at strides 4, 8, 16, 32.
        """
        x, outs = self.tokenizer(x), []  # (B, H / 4, W / 4, C)
        for stage in range(self.out_indices[-1] + 1):
            if stage:
                x = self.merges[stage - 1](x, merge=True)
            for block in self.stages[stage]:
                x = maybe_checkpoint(self.with_cp and self.training, block, x)
            if stage in self.out_indices:
                y = self.norms[str(stage)](x)
                outs.append(y.permute(0, 3, 1, 2).contiguous())
        return tuple(outs)

    def train(self, mode: bool = True) -> 'SwinV2Encoder':
        """Set the mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        for stage in self.stages[:max(self.frozen_stages, 0)]:
            stage.eval()
        return self

    def get_layer_depth(self, param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter, for layer-wise learning rates.

        Args:
            param_name (str): Full name.
            prefix (str): In front of this module's names. Defaults to ``''``.

        Returns:
            tuple[int, int]: Depth (0 the tokenizer; k + 1 block k, a merge
            like the block behind it; ``num_layers + 1`` all else) and the
            number of depths.
        """
        total = self.num_layers + 2
        if not param_name.startswith(prefix):
            return total - 1, total
        kind, *rest = param_name[len(prefix):].split('.')
        if kind == 'tokenizer':
            return 0, total
        if kind == 'merges':
            return sum(self.depths[:int(rest[0]) + 1]) + 1, total
        if kind == 'stages':
            return sum(self.depths[:int(rest[0])]) + int(rest[1]) + 1, total
        return total - 1, total

    def freeze(self, stages: int) -> None:
        """Stop training the tokenizer (0 and up) and the first stages.

        Args:
            stages (int): See ``frozen_stages``.
        """
        self.frozen_stages = stages
        for name, param in self.named_parameters():
            kind, *rest = name.split('.')
            # What has to be frozen for this parameter to be frozen as well.
            least = {'tokenizer': 0, 'merges': 2}.get(kind, 1)
            least += int(rest[0]) if kind != 'tokenizer' else 0
            if stages >= least:
                param.requires_grad_(False)
        self.train(self.training)

    def _check(self, windows: Sequence[int], trained: Sequence[int]) -> None:
        if len(windows) != 4 or len(trained) != 4:
            raise ConfigError(
                f'window_size={windows} and pretrained_window_sizes='
                f'{trained} need a value for each of the four stages.')
        if not self.out_indices or not set(self.out_indices) <= set(range(4)):
            raise ConfigError(f'out_indices={self.out_indices} must name '
                              'stages of 0..3.')
        if not -1 <= self.frozen_stages <= 4:
            raise ConfigError(
                f'frozen_stages={self.frozen_stages} must be -1..4.')


def _parse_arch(arch: Union[Mapping, None]) -> dict:
    full = {**_ARCH, **(arch or {})}
    if set(full) != set(_ARCH) or len(full['depths']) != 4 or len(
            full['num_heads']) != 4:
        raise ConfigError(f'arch takes {", ".join(_ARCH)}, with four depths '
                          f'and num_heads, got {dict(arch)}.')
    return full
