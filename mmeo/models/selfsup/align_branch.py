# Copyright (c) mmeo contributors. All rights reserved.
"""One side of the alignment of two sensors: encoder, mean, projection."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Optional, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS


class AlignBranch(BaseModule):
    """Images of one sensor to one feature each.

    Args:
        backbone (dict): Any registered backbone; its last map is used.
        modality (str): Sensor that it is told, if it asks.
        channels (int, optional): Of its last map. Defaults to None, as the
            backbone says.

    Raises:
        ConfigError: If the backbone does not say its channels.
    """

    def __init__(self, backbone: Mapping, modality: str,
                 channels: Optional[int] = None) -> None:
        super().__init__()
        self.backbone = MODELS.build(dict(backbone))
        self.modality = modality
        takes = inspect.signature(self.backbone.forward).parameters
        self._told = dict(modality=modality) if 'modality' in takes else {}
        self.channels = channels or self._last_channels()

    def forward(self, images: Tensor) -> Tensor:
        """Mean of the last map.

        Args:
            images (Tensor): ``(N, bands, H, W)``.

        Returns:
            Tensor: ``(N, C)`` float32.

        Raises:
            ConfigError: If C is another number than expected.
        """
        maps = self.backbone(images, **self._told)
        last = maps if isinstance(maps, Tensor) else maps[-1]
        if last.dim() != 4 or last.shape[1] != self.channels:
            raise ConfigError(
                f'the last map of {type(self.backbone).__name__} has shape '
                f'{tuple(last.shape)}, expected (N, {self.channels}, h, w): '
                f'set `channels` of the pretrainer.')
        return last.float().mean((2, 3))

    def freeze(self) -> None:
        """Stop training the backbone."""
        self.backbone.requires_grad_(False)

    def freeze_idle(self) -> None:
        """Stop training what the last map of this sensor never meets.

        Norms of finer maps, and what other sensors have to themselves:
        distributed training would wait for their gradients.
        """
        for module in self.backbone.modules():
            norms = getattr(module, 'norms', None)
            if isinstance(norms, nn.ModuleDict):
                for norm in list(norms.children())[:-1]:
                    norm.requires_grad_(False)
        others = set(getattr(self.backbone, 'modalities', ()))
        others.discard(self.modality)
        for name, param in self.backbone.named_parameters():
            if others & set(name.split('.')):
                param.requires_grad_(False)

    def train_only(self, what: Union[str, Sequence[str]]) -> None:
        """Stop training all but some parameters of the backbone.

        Args:
            what (str or Sequence[str]): 'all'; 'modality', what the sensor
                has to itself (a part of the name is the sensor's); or how
                the names begin.

        Raises:
            ConfigError: If no parameter is meant.
        """
        if what == 'all':
            return
        own = what == 'modality'
        starts = () if own else ((what, ) if isinstance(what, str)
                                 else tuple(what))
        names = [name for name, _ in self.backbone.named_parameters()]
        idle = [start for start in starts
                if not any(name.startswith(start) for name in names)]
        chosen = {name for name in names if (
            self.modality in name.split('.') if own
            else name.startswith(starts))}
        if idle or not chosen:
            raise ConfigError(
                f'trainable={what!r}: no parameter of '
                f'{type(self.backbone).__name__} '
                + (f'begins with {", ".join(idle)}' if idle else
                   f'is of {self.modality!r} alone')
                + f'; its parts are '
                f'{", ".join(sorted({n.split(".")[0] for n in names}))}.')
        for name, param in self.backbone.named_parameters():
            if name not in chosen:
                param.requires_grad_(False)

    def _last_channels(self) -> int:
        found = getattr(self.backbone, 'out_channels', None)
        if isinstance(found, Mapping):
            found = found.get(self.modality)
        if isinstance(found, Sequence) and found:
            found = found[-1]
        if not isinstance(found, int):
            raise ConfigError(
                f'{type(self.backbone).__name__} does not say how many '
                'channels its maps have (`out_channels`): set `channels` of '
                'the pretrainer, e.g. dict(sar=1024).')
        return found


def random_projection(channels: int, dims: int, seed: int = 0) -> Tensor:
    """A fixed linear map that about keeps angles.

    Args:
        channels (int): C.
        dims (int): D.
        seed (int): Defaults to 0.

    Returns:
        Tensor: ``(D, C)`` float32, entries of deviation one over the root of
        D.
    """
    generator = torch.Generator('cpu').manual_seed(seed)
    with torch.device('cpu'):
        return torch.randn(dims, channels, generator=generator) / dims**0.5
