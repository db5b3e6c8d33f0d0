# Copyright (c) mmeo contributors. All rights reserved.
"""Pyramid neck without a top-down path."""

from collections.abc import Mapping, Sequence
from typing import Optional, Union

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS

from ..layers import LayerNorm2d


class SingleMapPyramid(nn.Module):
    """Strides 4, 8, 16 and 32 out of one map of stride 16.

    Source: ViTDet (arXiv 2203.16527), section 3.

    Args:
        in_channels (int): Channels C of the map, a multiple of 4.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        half, quarter = in_channels // 2, in_channels // 4
        self.up4 = nn.Sequential(
            nn.ConvTranspose2d(in_channels, half, 2, 2), LayerNorm2d(half),
            nn.GELU(), nn.ConvTranspose2d(half, quarter, 2, 2))
        self.up2 = nn.ConvTranspose2d(in_channels, half, 2, 2)
        self.down2 = nn.MaxPool2d(2, 2)
        self.out_channels = [quarter, half, in_channels, in_channels]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map ``(B, C, h, w)`` to four maps, C/4, C/2, C and C channels."""
        return [self.up4(x), self.up2(x), x, self.down2(x)]


@MODELS.register_module()
class SimpleFPN(BaseModule):
    """1x1 and 3x3 convolution with LayerNorm on each level by itself.

    Source: ViTDet (arXiv 2203.16527), as ViTP uses it behind its adapter.

    Args:
        in_channels (Sequence[int] or int): Channels of each input map. One
            number takes a single map of stride 16, from a plain ViT, and
            makes four levels of it first.
        out_channels (int): Channels of all outputs. Defaults to 256.
        num_outs (int): Number of outputs; those beyond the inputs are
            subsampled by 2 from the last one. Defaults to 5.
        norm_cfg (Mapping): Norm after each convolution. Defaults to channel
            LayerNorm.
        init_cfg (Mapping, optional): Defaults to Xavier-uniform convolutions.

    Raises:
        ConfigError: If fewer outputs than inputs are asked for.
    """

    def __init__(
        self,
        in_channels: Union[Sequence[int], int],
        out_channels: int = 256,
        num_outs: int = 5,
        norm_cfg: Mapping = dict(type='mmeo.LN2d', eps=1e-5),
        init_cfg: Optional[Mapping] = dict(
            type='Xavier', layer='Conv2d', distribution='uniform')
    ) -> None:
        super().__init__(init_cfg)
        self.single = None
        if isinstance(in_channels, int):
            self.single = SingleMapPyramid(in_channels)
            in_channels = self.single.out_channels
        self.in_channels = list(in_channels)
        self.out_channels = out_channels
        self.num_outs = num_outs
        if num_outs < len(self.in_channels):
            raise ConfigError(
                f'num_outs={num_outs} is less than the '
                f'{len(self.in_channels)} levels of in_channels: raise it, or '
                'return fewer levels from the backbone.')
        norm_cfg = dict(norm_cfg)
        self.lateral_convs = nn.ModuleList(
            ConvModule(c, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)
            for c in self.in_channels)
        self.fpn_convs = nn.ModuleList(
            ConvModule(
                out_channels,
                out_channels,
                3,
                padding=1,
                norm_cfg=norm_cfg,
                act_cfg=None) for _ in self.in_channels)

    def forward(
            self, inputs: Union[Tensor,
                                Sequence[Tensor]]) -> tuple[Tensor, ...]:
        """Refine each level.

        Args:
            inputs (Sequence[Tensor] or Tensor): Maps ``(B, C_i, h_i, w_i)``,
                finest first; in single-map mode one map.

        Returns:
            tuple[Tensor, ...]: ``num_outs`` maps of ``out_channels``.

        Raises:
            ConfigError: If the number of maps does not fit.
        """
        if self.single is not None:
            if not isinstance(inputs, Tensor):
                inputs = inputs[-1]
            inputs = self.single(inputs)
        if len(inputs) != len(self.in_channels):
            raise ConfigError(
                f'got {len(inputs)} maps for in_channels={self.in_channels}: '
                'adjust in_channels or the out_indices of the backbone.')
        outs = [
            fpn(lateral(x)) for x, lateral, fpn in zip(
                inputs, self.lateral_convs, self.fpn_convs)
        ]
        while len(outs) < self.num_outs:
            outs.append(F.max_pool2d(outs[-1], 1, stride=2))
        return tuple(outs)
