# Copyright (c) mmeo contributors. All rights reserved.
"""A pyramid of maps out of several sensors, for mmseg's and other heads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS
from mmeo.structures import ModalityBatch

from ..layers.grid_projection import resize_grid
from ..pretrained import PretrainedModule
from .encoder_weights import load_encoder

Batches = Mapping[str, ModalityBatch]


def mean_over_time(x: Tensor, valid: Tensor) -> Tensor:
    """Mean of the valid frames; 0 where there is none.

    Args:
        x (Tensor): ``(B, T, C, h, w)``, 0 in frames that are not valid, as
            the backbone leaves them.
        valid (Tensor): ``(B, T)`` bool.

    Returns:
        Tensor: ``(B, C, h, w)``.
    """
    count = valid.sum(1).clamp(min=1)[:, None, None, None]
    return x.sum(1) / count.to(x.dtype)


def drop_modalities(batches: Batches, rate: float) -> dict[str, ModalityBatch]:
    """Forget sensors at random, never the last one of a sample.

    Args:
        batches (dict[str, ModalityBatch]): Name -> frames.
        rate (float): Probability, per sample and sensor.

    Returns:
        dict[str, ModalityBatch]: The same images with fewer valid frames.
    """
    present = torch.stack([b.valid.any(1) for b in batches.values()])
    chance = torch.rand(present.shape, device=present.device)
    drop = chance < rate  # (M, B)
    kept = torch.rand_like(chance).masked_fill(~present, -1.).argmax(0)
    drop[kept, torch.arange(drop.shape[1], device=drop.device)] = False
    return {
        name: replace(batch, valid=batch.valid & ~drop[i][:, None],
                      dates=batch.dates)
        for i, (name, batch) in enumerate(batches.items())
    }


class ModalityMix(nn.Module):
    """Weighted mean of the sensors' maps over those a sample has.

    Each channel has a learned weight per sensor, equal at first; they are
    normalised over the sensors that are present (our choice).

    Args:
        num_modalities (int): M.
        channels (int): C.
    """

    def __init__(self, num_modalities: int, channels: int) -> None:
        super().__init__()
        # layer scale by another name, and like it without weight decay
        self.gamma = Parameter(torch.zeros(
            num_modalities, channels)) if num_modalities > 1 else None

    def forward(self, maps: Sequence[Optional[Tensor]],
                present: Tensor) -> Tensor:
        """Mix.

        Args:
            maps (Sequence[Tensor]): M maps ``(B, C, h, w)`` or None.
            present (Tensor): ``(B, M)`` bool.

        Returns:
            Tensor: ``(B, C, h, w)``; 0 for a sample without any sensor.
        """
        if self.gamma is None:
            return maps[0]
        weight = self.gamma.softmax(0) * present[..., None]  # (B, M, C)
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-12)
        return sum(x * weight[:, i, :, None, None].to(x.dtype)
                   for i, x in enumerate(maps) if x is not None)


def scaling(channels: int, scale: float) -> nn.Module:
    """Learned upsampling by 4 or 2, nothing, or a mean over 2 x 2 pixels."""

    def up() -> nn.Module:
        return nn.ConvTranspose2d(channels, channels, 2, 2)

    if scale not in (4, 2, 1, 0.5):
        raise ConfigError(f'MultiModalEncoder: `coarse_scales` holds 4, 2, 1 '
                          f'or 0.5, got {scale}')
    return {4: lambda: nn.Sequential(up(), nn.GELU(), up()), 2: up,
            1: nn.Identity,
            0.5: lambda: nn.AvgPool2d(2, ceil_mode=True)}[scale]()


@MODELS.register_module()
class MultiModalEncoder(PretrainedModule):
    """Backbone, fusion over time, and a pyramid of their maps (our design).

    A batch with high-resolution images gives maps on their grids; those of
    the other sensors, averaged over their valid frames, are resized to them
    and mixed in. A batch without gives the maps of the 10 m sensors, which
    all have one stride, scaled by ``coarse_scales``. The fused map of
    ``fusion`` joins the last level, or those of ``fused_levels``.

    Args:
        backbone (dict): :class:`SkySenseV2` with one output per level; the
            order of its ``modalities`` says which sensor gives the grids.
        fusion (dict, optional): :class:`TemporalFusion`; its ``in_channels``
            and ``modalities`` default to the backbone's. Defaults to None.
        fused (str): ``'concat'`` appends the fused map to the channels of a
            level, ``'replace'`` puts it in the level's place. Defaults to
            ``'concat'``.
        fused_levels (Sequence[int]): Levels that get it, from 0. Defaults to
            the last one.
        coarse_scales (Sequence[float]): Of the grid of the 10 m sensors, for
            each level: 4, 2, 1 or 0.5. Defaults to (4, 2, 1, 0.5), strides of
            1, 2, 4 and 8 pixels.
        coarse_learned (bool): Upsample by transposed convolutions, as
            :class:`SimpleFPN` does, else bilinearly. For models that never
            see high-resolution images. Defaults to False.
        modality_dropout (float): Probability of leaving out a sensor of a
            sample in training; at least one stays. Defaults to 0.0.
        freeze_backbone (bool): Train all but the backbone. Defaults to False.
        init_cfg (dict, optional): ``dict(type='Pretrained', checkpoint=...)``
            loads backbone and fusion, see :func:`load_encoder`; ``prefix``
            is 'teacher' for a checkpoint of the pretraining. Defaults to
            None.

    Raises:
        ConfigError: If an argument does not fit.
    """

    def __init__(self,
                 backbone: dict,
                 fusion: Optional[dict] = None,
                 fused: str = 'concat',
                 fused_levels: Optional[Sequence[int]] = None,
                 coarse_scales: Sequence[float] = (4, 2, 1, 0.5),
                 coarse_learned: bool = False,
                 modality_dropout: float = 0.0,
                 freeze_backbone: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if fused not in ('concat', 'replace'):
            raise ConfigError("MultiModalEncoder: `fused` is 'concat' or "
                              f"'replace', got {fused!r}")
        self.backbone = MODELS.build(backbone)
        self.modalities = tuple(self.backbone.modalities)
        widths = self.backbone.out_channels
        levels = len(widths)
        self.fusion = None if fusion is None else MODELS.build(
            {**dict(in_channels=widths[-1], modalities=self.modalities),
             **fusion})
        self.fused = fused
        self.fused_levels = tuple(
            i % levels for i in fused_levels or (levels - 1, )
        ) if self.fusion is not None else ()
        self.modality_dropout = modality_dropout
        self.freeze_backbone = freeze_backbone
        self.mixes = nn.ModuleList(
            None if self._replaced(i) else ModalityMix(
                len(self.modalities), width) for i, width in enumerate(widths))
        if len(coarse_scales) < levels:
            raise ConfigError(
                f'MultiModalEncoder: {len(coarse_scales)} `coarse_scales` for '
                f'{levels} levels.')
        self.coarse_scales = tuple(coarse_scales[:levels])
        self.coarse = nn.ModuleList(map(
            scaling, self.out_channels,
            self.coarse_scales)) if coarse_learned else None
        if freeze_backbone:
            self.backbone.requires_grad_(False)
        self.train()

    def load_pretrained(self, checkpoint: str, prefix: str = '',
                        trust: bool = False) -> None:
        """Load backbone and fusion.

        Args:
            checkpoint (str): See :func:`load_encoder`.
            prefix (str): Likewise. Defaults to ``''``.
            trust (bool): Likewise. Defaults to False.

        Raises:
            CheckpointError: If the file does not hold a fitting encoder.
        """
        load_encoder(self, checkpoint, prefix, trust)

    def _replaced(self, level: int) -> bool:
        return self.fused == 'replace' and level in self.fused_levels

    @property
    def out_channels(self) -> list[int]:
        """Channels of each level."""
        return [
            (0 if self._replaced(i) else width) +
            (self.fusion.out_channels if i in self.fused_levels else 0)
            for i, width in enumerate(self.backbone.out_channels)]

    def forward(self, inputs: Batches,
                regions: Optional[Tensor] = None) -> tuple[Tensor, ...]:
        """Encode.

        Args:
            inputs (dict[str, ModalityBatch]): Frames of each sensor; all
                cover the same ground.
            regions (Tensor, optional): ``(B, )`` for the fusion's geo-context.
                Defaults to None, the attribute ``regions`` of ``inputs`` if
                it has one.

        Returns:
            tuple[Tensor, ...]: A map ``(B, C_i, h_i, w_i)`` per level.

        Raises:
            DataError: If ``inputs`` holds no known sensor.
        """
        if regions is None:
            regions = getattr(inputs, 'regions', None)
        batches = {n: inputs[n] for n in self.modalities if n in inputs}
        if not batches or len(batches) < len(inputs):
            raise DataError(
                f'got the modalities {sorted(inputs)}, but the backbone has '
                f'{self.modalities}: set `backbone.modalities`, or drop the '
                'others in the pipeline.')
        if self.training and self.modality_dropout:
            batches = drop_modalities(batches, self.modality_dropout)
        with torch.set_grad_enabled(torch.is_grad_enabled()
                                    and not self.freeze_backbone):
            maps = self.backbone.forward_modalities(batches)
        fused = None if self.fusion is None else self.fusion(
            {name: m[-1] for name, m in maps.items()}, batches, regions)
        return self._pyramid(maps, batches, fused)

    def _pyramid(self, maps: Mapping[str, tuple[Tensor, ...]],
                 batches: Batches,
                 fused: Optional[Tensor]) -> tuple[Tensor, ...]:
        lead = next((n for n in batches if batches[n].valid.any()),
                    next(iter(batches)))
        sizes = [tuple(x.shape[-2:]) for x in maps[lead]]
        coarse = len(sizes) > 1 and len(set(sizes)) == 1
        present = torch.stack([
            batches[n].valid.any(1) if n in batches else
            batches[lead].valid.new_zeros(len(batches[lead].valid))
            for n in self.modalities], 1)  # (B, M)
        outs = []
        for level, size in enumerate(sizes):
            parts = []
            if not self._replaced(level):
                parts.append(self.mixes[level]([
                    resize_grid(mean_over_time(maps[n][level],
                                               batches[n].valid), size)
                    if n in batches else None
                    for n in self.modalities], present))
            if level in self.fused_levels:
                parts.append(resize_grid(fused, size))
            out = torch.cat(parts, 1) if len(parts) > 1 else parts[0]
            outs.append(self._scale(out, level) if coarse else out)
        return tuple(outs)

    def _scale(self, x: Tensor, level: int) -> Tensor:
        if self.coarse is not None:
            return self.coarse[level](x)
        scale = self.coarse_scales[level]
        if scale < 1:
            return F.avg_pool2d(x, round(1 / scale), ceil_mode=True)
        height, width = x.shape[-2:]
        return resize_grid(x, (int(height * scale), int(width * scale)))

    def pop_aux_loss(self) -> Tensor:
        """See :meth:`SkySenseV2.pop_aux_loss`."""
        return self.backbone.pop_aux_loss()

    def train(self, mode: bool = True) -> 'MultiModalEncoder':
        """Set the mode of all parts but a frozen backbone."""
        super().train(mode)
        if self.freeze_backbone:
            self.backbone.eval()
        return self

    def get_layer_depth(self, param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter: that in the backbone, or the last one.

        Args:
            param_name (str): Full name.
            prefix (str): In front of this module's names. Defaults to ``''``.

        Returns:
            tuple[int, int]: Depth and the number of depths.
        """
        return self.backbone.get_layer_depth(param_name, f'{prefix}backbone.')
