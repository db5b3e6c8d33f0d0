# Copyright (c) mmeo contributors. All rights reserved.
"""A backbone of its own for each sensor."""

from collections.abc import Mapping, Sequence
from typing import Optional, Union

from mmengine.model import BaseModule, ModuleDict
from torch import Tensor

from mmeo.errors import ConfigError
from mmeo.registry import MODELS


@MODELS.register_module()
class ModalityEncoders(BaseModule):
    """Any registered backbones, one per sensor, behind one interface.

    SkySense-VITA has a Swin V2 of 655M parameters for optical images and a
    ViT-L for SAR: ``encoders=dict(hr=dict(type='SkySenseV1'),
    s1=dict(type='SkySenseV1', part='s1'))``. Weights are named in the
    ``init_cfg`` of each.

    Args:
        encoders (dict[str, dict]): Sensor -> config of a backbone that takes
            ``(B, bands, H, W)`` and returns a tuple of maps.
        frozen (Sequence[str] or bool): Sensors whose encoders are not
            trained and stay in evaluation mode; True for all. Defaults to
            ``()``.
        init_cfg (dict, optional): Defaults to None.

    Raises:
        ConfigError: If no encoder is given, or ``frozen`` names one that is
            not there.
    """

    def __init__(self,
                 encoders: Mapping[str, dict],
                 frozen: Union[bool, Sequence[str]] = (),
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if not encoders:
            raise ConfigError('ModalityEncoders: `encoders` is empty: give '
                              "a backbone for a sensor, e.g. 'hr'.")
        # mmengine's: init_weights() does not go into torch's.
        self.encoders = ModuleDict(
            {name: MODELS.build(cfg) for name, cfg in encoders.items()})
        self.modalities = tuple(self.encoders)
        self.frozen = self._parse_frozen(frozen)
        for name in self.frozen:
            self.encoders[name].requires_grad_(False)
        self.train()

    @property
    def out_channels(self) -> dict[str, list[int]]:
        """Channels of each returned map, by sensor.

        Raises:
            ConfigError: If an encoder does not tell.
        """
        found = {}
        for name, encoder in self.encoders.items():
            channels = getattr(encoder, 'out_channels', None)
            if channels is None:
                raise ConfigError(
                    f'{type(encoder).__name__} of {name!r} has no '
                    '`out_channels`: write those of its maps in the config.')
            found[name] = list(channels)
        return found

    def forward(self, x: Tensor, modality: str) -> tuple[Tensor, ...]:
        """Encode images of one sensor.

        Args:
            x (Tensor): ``(B, bands, H, W)``.
            modality (str): The sensor.

        Returns:
            tuple[Tensor, ...]: The maps of its encoder.

        Raises:
            ConfigError: If there is no encoder for the sensor.
        """
        if modality not in self.encoders:
            raise ConfigError(
                f'modality={modality!r} has no encoder: there are those of '
                f'{", ".join(self.modalities)}. Add it to `encoders`.')
        return tuple(self.encoders[modality](x))

    def train(self, mode: bool = True) -> 'ModalityEncoders':
        """Set the mode of all encoders but the frozen ones."""
        super().train(mode)
        for name in self.frozen:
            self.encoders[name].eval()
        return self

    def get_layer_depth(self, param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter within its encoder.

        Args:
            param_name (str): Full name.
            prefix (str): In front of this module's names. Defaults to ``''``.

        Returns:
            tuple[int, int]: Depth and the number of depths of that encoder;
            of any other parameter the last depth of the deepest one.

        Raises:
            ConfigError: If an encoder does not know its depths.
        """
        ends = []
        for name, encoder in self.encoders.items():
            start = f'{prefix}encoders.{name}.'
            if not hasattr(encoder, 'get_layer_depth'):
                raise ConfigError(
                    f'{type(encoder).__name__} of {name!r} has no '
                    'get_layer_depth(): use another optimizer constructor, '
                    'or a backbone of mmeo or mmpretrain.')
            depth = encoder.get_layer_depth(param_name, start)
            if param_name.startswith(start):
                return depth
            ends.append(depth[1])
        return max(ends) - 1, max(ends)

    def _parse_frozen(
            self, frozen: Union[bool, Sequence[str]]) -> tuple[str, ...]:
        if isinstance(frozen, bool):
            return self.modalities if frozen else ()
        if isinstance(frozen, str) or not isinstance(frozen, Sequence) or \
                not set(frozen) <= set(self.modalities):
            raise ConfigError(
                f'ModalityEncoders: frozen={frozen!r} must be True or name '
                f'some of {", ".join(self.modalities)} in a list.')
        return tuple(frozen)
