# Copyright (c) mmeo contributors. All rights reserved.
"""Mask2Former's pixel decoder behind laterals of each sensor."""

from collections.abc import Mapping, Sequence
from typing import Optional, Union

from mmengine.config import ConfigDict
from mmengine.model import BaseModule, xavier_init
from torch import Tensor

from mmeo.registry import MODELS

from .modality_fpn import STRIDES, Channels, ModalityLaterals


def pixel_decoder(channels: int, num_layers: int, num_heads: int,
                  num_points: int, feedforward_channels: int,
                  norm_cfg: Optional[Mapping]) -> ConfigDict:
    """Config of mmdet's decoder on four maps of ``channels``."""
    attention = dict(embed_dims=channels, num_heads=num_heads, num_levels=3,
                     num_points=num_points, dropout=0.0, batch_first=True)
    mlp = dict(embed_dims=channels, num_fcs=2, ffn_drop=0.0,
               feedforward_channels=feedforward_channels,
               act_cfg=dict(type='ReLU', inplace=True))
    return ConfigDict(
        type='mmdet.MSDeformAttnPixelDecoder',
        in_channels=[channels] * len(STRIDES),
        strides=list(STRIDES),
        feat_channels=channels,
        out_channels=channels,
        num_outs=3,
        norm_cfg=norm_cfg,
        encoder=dict(num_layers=num_layers, layer_cfg=dict(
            self_attn_cfg=attention, ffn_cfg=mlp)),
        positional_encoding=dict(num_feats=channels // 2, normalize=True))


@MODELS.register_module()
class ModalityPixelDecoder(BaseModule):
    """Multi-scale deformable attention instead of :class:`ModalityFPN`.

    Laterals belong to a sensor, mmdet's ``MSDeformAttnPixelDecoder`` behind
    them (arXiv 2112.01527) to all. An alternative neck for SkySense-VITA, our
    choice as the other one is: it lets the coarser levels exchange what they
    see, and costs more.

    Args:
        in_channels (dict or Sequence[int] or int): As :class:`ModalityFPN`'s.
        out_channels (int): Channels C of all outputs. Defaults to 256.
        modalities (Sequence[str]): Used unless ``in_channels`` is a dict.
            Defaults to ``('hr', 's1')``.
        num_layers (int): Of deformable attention. Defaults to 6.
        num_heads (int): Defaults to 8.
        num_points (int): Sampled per query, head and level. Defaults to 4.
        feedforward_channels (int): Defaults to 1024.
        norm_cfg (Mapping, optional): Norm behind convolutions. Defaults to
            channel LayerNorm, for the reason given there.
        init_cfg (Mapping, optional): Defaults to None.

    Raises:
        ConfigError: If a sensor has not four levels.
    """

    def __init__(
        self,
        in_channels: Union[Mapping[str, Channels], Channels],
        out_channels: int = 256,
        modalities: Sequence[str] = ('hr', 's1'),
        num_layers: int = 6,
        num_heads: int = 8,
        num_points: int = 4,
        feedforward_channels: int = 1024,
        norm_cfg: Optional[Mapping] = dict(type='mmeo.LN2d', eps=1e-5),
        init_cfg: Optional[Mapping] = None
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = None if norm_cfg is None else dict(norm_cfg)
        self.out_channels = out_channels
        self.laterals = ModalityLaterals(in_channels, modalities,
                                         out_channels, norm_cfg)
        self.modalities = tuple(self.laterals)
        self.decoder = MODELS.build(
            pixel_decoder(out_channels, num_layers, num_heads, num_points,
                          feedforward_channels, norm_cfg))

    def init_weights(self) -> None:
        """Xavier-uniform laterals; the rest as mmdet does."""
        super().init_weights()
        for sensor in self.laterals.values():
            for lateral in sensor.convs:
                xavier_init(lateral.conv, distribution='uniform')

    def forward(self, maps: Sequence[Tensor], modality: str,
                size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Make the pyramid; see :meth:`ModalityFPN.forward`."""
        features, coarse = self.decoder(self.laterals(maps, modality, size))
        # mmdet's come from coarse to fine.
        return (features, *reversed(coarse))
