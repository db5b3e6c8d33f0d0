# Copyright (c) mmeo contributors. All rights reserved.
"""The whole of SkySense V1: three encoders, and their fusion."""

from collections.abc import Mapping, Sequence
from typing import Optional

from mmengine.model import BaseModule
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS
from mmeo.structures import ModalityBatch

from ..necks.skysense_v1_fusion import SkySenseV1Fusion
from .series import encode_series
from .skysense_v1 import SkySenseV1


@MODELS.register_module()
class SkySenseV1Encoders(BaseModule):
    """A :class:`SkySenseV1` for each sensor, with SkySenseV2's interface.

    Args:
        modalities (Sequence[str]): Of ``'hr'``, ``'s2'``, ``'s1'``. Defaults
            to all.
        hr (dict, optional): Other arguments of the encoder of that name, its
            ``init_cfg`` among them. Defaults to None.
        s2 (dict, optional): Likewise.
        s1 (dict, optional): Likewise.
        init_cfg (dict, optional): ``dict(type='Pretrained',
            checkpoint=PATH)`` of a combined file, for all encoders. Defaults
            to None.
    """

    def __init__(self,
                 modalities: Sequence[str] = ('hr', 's2', 's1'),
                 hr: Optional[Mapping] = None,
                 s2: Optional[Mapping] = None,
                 s1: Optional[Mapping] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        options = dict(hr=hr, s2=s2, s1=s1)
        for name in self.modalities:
            if name not in options:
                raise ConfigError(f'modality {name!r} must be one of '
                                  f'{", ".join(options)}.')
            setattr(self, name, SkySenseV1(
                name, **{**dict(init_cfg=init_cfg), **(options[name] or {})}))

    @property
    def out_channels(self) -> dict[str, list[int]]:
        """Channels of each returned map, by sensor."""
        return {name: getattr(self, name).out_channels
                for name in self.modalities}

    def forward(self,
                x: Tensor,
                modality: str = 'hr',
                valid: Optional[Tensor] = None) -> tuple[Tensor, ...]:
        """Encode images of one sensor.

        Args:
            x (Tensor): ``(B, bands, H, W)``, or a series ``(B, T, bands, H,
                W)``.
            modality (str): Defaults to ``'hr'``.
            valid (Tensor, optional): ``(B, T)`` bool, for a series: other
                frames are never read. Defaults to None, all.

        Returns:
            tuple[Tensor, ...]: Maps ``(B, C_i, h_i, w_i)``, or ``(B, T, C_i,
            h_i, w_i)``, which is 0 for frames that are not valid.

        Raises:
            ConfigError: If there is no encoder for the modality.
        """
        if modality not in self.modalities:
            raise ConfigError(f'modality={modality!r}: this backbone has '
                              f'{", ".join(self.modalities)}.')
        encoder = getattr(self, modality)
        if x.dim() == 4:
            return encoder(x)
        return encode_series(encoder, x, valid)

    def forward_modalities(self, batches: Mapping[str, ModalityBatch]
                           ) -> dict[str, tuple[Tensor, ...]]:
        """Encode all frames of several sensors.

        Args:
            batches (dict[str, ModalityBatch]): Name -> frames.

        Returns:
            dict[str, tuple[Tensor, ...]]: Name -> maps ``(B, T, C_i, h, w)``.
        """
        return {name: self(batch.images, name, batch.valid)
                for name, batch in batches.items()}


@MODELS.register_module()
class SkySenseV1MultiModal(BaseModule):
    """Encoders and fusion: a pyramid of ``'hr'``, and the fused map.

    The fused map is one more level, as in the public heads of SkySense++
    (channels 352, 704, 1408, 2816 and 1024).

    Args:
        encoders (dict, optional): Arguments of :class:`SkySenseV1Encoders`.
            Defaults to None.
        fusion (dict, optional): Arguments of :class:`SkySenseV1Fusion`, whose
            ``modalities`` default to the encoders'. Defaults to None.
        init_cfg (dict, optional): ``dict(type='Pretrained',
            checkpoint=PATH)`` of a combined file, for both. Defaults to None.

    Raises:
        ConfigError: If there is no encoder of ``'hr'``.
    """

    def __init__(self,
                 encoders: Optional[Mapping] = None,
                 fusion: Optional[Mapping] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__()
        shared = dict(init_cfg=init_cfg)
        self.encoders = SkySenseV1Encoders(**{**shared, **(encoders or {})})
        self.fusion = SkySenseV1Fusion(**{
            **dict(modalities=self.encoders.modalities), **shared,
            **(fusion or {})})

    @property
    def out_channels(self) -> list[int]:
        """Channels of each returned map."""
        return [*self.encoders.out_channels['hr'], self.fusion.out_channels]

    def forward(self, inputs: Mapping[str, ModalityBatch]
                ) -> tuple[Tensor, ...]:
        """Encode.

        Args:
            inputs (dict[str, ModalityBatch]): Name -> frames over the same
                ground, ``'hr'`` among them.

        Returns:
            tuple[Tensor, ...]: Maps ``(B, C_i, h_i, w_i)`` of the first
            ``'hr'`` frame, then the fused one ``(B, D, h, w)`` on the grid of
            the last of them.

        Raises:
            DataError: If ``'hr'`` is absent or a sensor unknown.
        """
        unknown = sorted(set(inputs) - set(self.encoders.modalities))
        if 'hr' not in inputs or unknown:
            raise DataError(
                f"SkySenseV1MultiModal takes 'hr' and some of "
                f'{self.encoders.modalities}, got {sorted(inputs)}: load '
                "'hr', and drop other sensors in the pipeline.")
        maps = self.encoders.forward_modalities(inputs)
        fused = self.fusion({k: v[-1] for k, v in maps.items()}, inputs)
        return (*(x[:, 0] for x in maps['hr']), fused)
