# Copyright (c) mmeo contributors. All rights reserved.
"""Maps of any sensor's encoder to one pyramid, shared but for its entry."""

from collections.abc import Mapping, Sequence
from typing import Optional, Union

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS

from ..layers.grid_projection import resize_grid
from .simple_fpn import SingleMapPyramid

STRIDES = (4, 8, 16, 32)
Channels = Union[int, Sequence[int]]


def level_sizes(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Heights and widths of the four maps of an image of ``size`` pixels."""
    return [(-(-size[0] // s), -(-size[1] // s)) for s in STRIDES]


class SensorLaterals(nn.Module):
    """Brings the maps of one sensor to common channels and sizes.

    A map is made smaller before its 1 x 1 convolution and larger after it:
    both commute, and so the convolution sees the fewest pixels.

    Args:
        in_channels (int or Sequence[int]): Channels of four maps, finest
            first; their strides are free. One number: a single map of stride
            16, of which :class:`SingleMapPyramid` makes four.
        out_channels (int): Channels of the results.
        norm_cfg (Mapping, optional): Norm after each convolution.

    Raises:
        ConfigError: If there are not four levels.
    """

    def __init__(self, in_channels: Channels, out_channels: int,
                 norm_cfg: Optional[Mapping]) -> None:
        super().__init__()
        self.single = None
        if isinstance(in_channels, int):
            self.single = SingleMapPyramid(in_channels)
            in_channels = self.single.out_channels
        self.in_channels = list(in_channels)
        if len(self.in_channels) != len(STRIDES):
            raise ConfigError(
                f'in_channels={self.in_channels} must name the channels of '
                'four maps; give one number for a single map of stride 16.')
        self.convs = nn.ModuleList(
            ConvModule(c, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)
            for c in self.in_channels)

    def forward(self, maps: Sequence[Tensor],
                size: tuple[int, int]) -> list[Tensor]:
        """Project and resize.

        Args:
            maps (Sequence[Tensor]): Four maps ``(B, C_i, h_i, w_i)``; or one,
                which each level then sees.
            size (tuple[int, int]): Height and width of the image, in pixels.

        Returns:
            list[Tensor]: Four maps of strides 4, 8, 16 and 32, rounded up.

        Raises:
            ConfigError: If number or channels of the maps do not fit.
        """
        if self.single is not None:
            maps = self.single(maps[-1])
        elif len(maps) == 1:
            maps = [maps[0]] * len(self.convs)
        channels = [x.shape[1] for x in maps]
        if channels != self.in_channels:
            raise ConfigError(
                f'the backbone returns maps of {channels} channels, the '
                f"neck's in_channels are {self.in_channels}: adjust these or "
                'the out_indices of the backbone.')
        outs = []
        for x, conv, wanted in zip(maps, self.convs, level_sizes(size)):
            if x.shape[-2] >= wanted[0] and x.shape[-1] >= wanted[1]:
                outs.append(conv(resize_grid(x, wanted)))
            else:
                outs.append(resize_grid(conv(x), wanted))
        return outs


class ModalityLaterals(nn.ModuleDict):
    """:class:`SensorLaterals` of each sensor.

    Args:
        in_channels (dict or Sequence[int] or int): Sensor -> channels, or
            channels that the maps of all of ``modalities`` have.
        modalities (Sequence[str]): Sensors, unless ``in_channels`` names
            them.
        out_channels (int): Channels of the results.
        norm_cfg (Mapping, optional): Norm after each convolution.
    """

    def __init__(self, in_channels: Union[Mapping[str, Channels], Channels],
                 modalities: Sequence[str], out_channels: int,
                 norm_cfg: Optional[Mapping]) -> None:
        if not isinstance(in_channels, Mapping):
            in_channels = dict.fromkeys(modalities, in_channels)
        if not in_channels:
            raise ConfigError('in_channels and modalities name no sensor.')
        super().__init__({
            name: SensorLaterals(channels, out_channels, norm_cfg)
            for name, channels in in_channels.items()})

    def forward(self, maps: Sequence[Tensor], modality: str,
                size: tuple[int, int]) -> list[Tensor]:
        """Maps of a sensor, see :class:`SensorLaterals`.

        Raises:
            ConfigError: If the sensor is unknown.
        """
        if modality not in self:
            raise ConfigError(
                f'modality={modality!r} is unknown to the neck: it has '
                f'{", ".join(self)}. Add it to `in_channels`.')
        return self[modality](maps, size)


@MODELS.register_module()
class ModalityFPN(BaseModule):
    """FPN whose lateral convolutions belong to a sensor, all else to all.

    The neck of SkySense-VITA, whose paper only names a pixel decoder; this
    one is our choice. Normalising each pixel over its channels makes a result
    independent of the batch and of padding further away.

    The first map is meant for masks: one more 1 x 1 convolution, with neither
    norm nor activation behind it, makes Mask2Former's mask features of it.

    Args:
        in_channels (dict or Sequence[int] or int): Sensor -> channels of its
            four maps, finest first, whose strides are free; a number stands
            for a single map of stride 16. Not a dict: those of each sensor of
            ``modalities``.
        out_channels (int): Channels C of all outputs. Defaults to 256.
        modalities (Sequence[str]): Used unless ``in_channels`` is a dict.
            Defaults to ``('hr', 's1')``.
        norm_cfg (Mapping, optional): Norm after each convolution. Defaults to
            channel LayerNorm.
        act_cfg (Mapping, optional): Behind the 3 x 3 convolutions. Defaults
            to ReLU.
        init_cfg (Mapping, optional): Defaults to Xavier-uniform convolutions.

    Raises:
        ConfigError: If a sensor has not four levels.
    """

    def __init__(
        self,
        in_channels: Union[Mapping[str, Channels], Channels],
        out_channels: int = 256,
        modalities: Sequence[str] = ('hr', 's1'),
        norm_cfg: Optional[Mapping] = dict(type='mmeo.LN2d', eps=1e-5),
        act_cfg: Optional[Mapping] = dict(type='ReLU'),
        init_cfg: Optional[Mapping] = dict(
            type='Xavier', layer='Conv2d', distribution='uniform')
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = None if norm_cfg is None else dict(norm_cfg)
        self.out_channels = out_channels
        self.laterals = ModalityLaterals(in_channels, modalities,
                                         out_channels, norm_cfg)
        self.modalities = tuple(self.laterals)
        self.convs = nn.ModuleList(
            ConvModule(out_channels, out_channels, 3, padding=1,
                       norm_cfg=norm_cfg, act_cfg=act_cfg) for _ in STRIDES)
        self.mask_feature = nn.Conv2d(out_channels, out_channels, 1)

    def forward(self, maps: Sequence[Tensor], modality: str,
                size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Make the pyramid.

        Args:
            maps (Sequence[Tensor]): Of the sensor's encoder, ``(B, C_i, h_i,
                w_i)``.
            modality (str): The sensor.
            size (tuple[int, int]): Height H and width W of the images.

        Returns:
            tuple[Tensor, ...]: Mask features ``(B, C, H / 4, W / 4)``, then
            maps of strides 8, 16 and 32, all rounded up.

        Raises:
            ConfigError: If the sensor is unknown or the maps do not fit.
        """
        levels = self.laterals(maps, modality, size)
        for i in range(len(levels) - 1, 0, -1):
            finer = levels[i - 1]
            levels[i - 1] = finer + F.interpolate(
                levels[i], finer.shape[-2:], mode='bilinear',
                align_corners=False)
        outs = [conv(x) for conv, x in zip(self.convs, levels)]
        return (self.mask_feature(outs[0]), *outs[1:])
