# Copyright (c) mmeo contributors. All rights reserved.
"""One map out of the series of all sensors."""

from collections.abc import Mapping, Sequence
from typing import Optional, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS
from mmeo.structures import ModalityBatch

from ..layers import TransformerBlock, maybe_checkpoint
from ..layers.geo_context import GeoContextPrototypes
from ..layers.grid_projection import GridProjection, resize_grid

DAYS = 366


@MODELS.register_module()
class TemporalFusion(BaseModule):
    """A transformer over time at each place, all sensors in one sequence.

    Source: SkySense's multi-modal temporal fusion (arXiv 2312.10115), kept by
    SkySense V2. The maps of the 10 m sensors are brought to the grid of the
    ``target``; at each place one learned token, in front of the valid frames
    of all sensors, reads them. A learned code of the day of the year is added
    to the sensors of ``calendar``.

    Frames that are not valid are never read. What is read depends neither on
    their pixels nor on how many there are, and their gradient is exactly 0.

    Where SkySense adds the day and upsamples before one linear layer to
    ``embed_dims``, here each is projected to ``embed_dims`` at once: linear
    layers composed, the same functions with fewer parameters (our choice).

    Args:
        in_channels (int or dict[str, int]): Channels of the maps.
        embed_dims (int): Channels D. Defaults to 1024.
        num_layers (int): Defaults to 24.
        num_heads (int): Defaults to 16.
        mlp_ratio (float): Defaults to 4.0.
        drop_path_rate (float): Of the last block, rising from 0. Defaults to
            0.3.
        modalities (Sequence[str]): All that may come. Defaults to ``('hr',
            's2', 's1')``.
        target (str, optional): Whose grid is that of the result. In a batch
            without any frame of it, the first of ``modalities`` that has one.
            Defaults to None: ``'hr'`` if known, else the first.
        up_ratio (int): Tokens of the target per side of a token of the
            others; if the grids then still differ they are resized. Defaults
            to 4, the paper's sizes.
        share_up (bool): The other modalities share one projection, as they
            do the backbone (our choice); SkySense V1 has one for each.
            Defaults to True.
        calendar (Sequence[str], optional): Modalities with a code of the day.
            Defaults to None, ``'s2'`` alone, as in SkySense's code.
        final_norm (bool): LayerNorm of the result. Defaults to True.
        geo_context (dict, optional): Arguments of
            :class:`GeoContextPrototypes`, which doubles the channels.
            Defaults to None, without.
        chunk_sites (int): Places that pass the transformer at once. Defaults
            to 16384.
        with_cp (bool): Recompute activations in the backward pass: of each
            chunk if there are several, else of each block. Defaults to False.
        init_cfg (dict, optional): Defaults to None.

    Raises:
        ConfigError: If an argument does not fit.
    """

    def __init__(self,
                 in_channels: Union[int, Mapping[str, int]],
                 embed_dims: int = 1024,
                 num_layers: int = 24,
                 num_heads: int = 16,
                 mlp_ratio: float = 4.0,
                 drop_path_rate: float = 0.3,
                 modalities: Sequence[str] = ('hr', 's2', 's1'),
                 target: Optional[str] = None,
                 up_ratio: int = 4,
                 share_up: bool = True,
                 calendar: Optional[Sequence[str]] = None,
                 final_norm: bool = True,
                 geo_context: Optional[dict] = None,
                 chunk_sites: int = 16384,
                 with_cp: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if isinstance(in_channels, int):
            in_channels = dict.fromkeys(modalities, in_channels)
        self.modalities = tuple(modalities)
        self.target = target = target or (
            'hr' if 'hr' in self.modalities else self.modalities[0])
        self.calendar = tuple(name for name in self.modalities if name == 's2'
                              ) if calendar is None else tuple(calendar)
        self.chunk_sites = chunk_sites
        self.with_cp = with_cp
        self.embed_dims = embed_dims
        self._check(in_channels)
        self._projection_of = {
            name: 'shared' if share_up and name != target else name
            for name in self.modalities}
        self.projections = nn.ModuleDict({
            self._projection_of[name]: GridProjection(
                in_channels[name], embed_dims,
                1 if name == target else up_ratio)
            for name in self.modalities})
        self._check_shared(in_channels)
        # A code of the position in the year, hence the name: no weight decay.
        self.position_embedding = Parameter(torch.zeros(DAYS, embed_dims)) \
            if self.calendar else None
        self.cls_token = Parameter(torch.zeros(embed_dims))
        self.layers = nn.ModuleList(
            TransformerBlock(
                embed_dims, num_heads, mlp_ratio,
                drop_path_rate=drop_path_rate * i / max(num_layers - 1, 1),
                layer_scale_init=None) for i in range(num_layers))
        self.norm = nn.LayerNorm(embed_dims) if final_norm else nn.Identity()
        self.geo_context = geo_context if geo_context is None else \
            GeoContextPrototypes(embed_dims, **geo_context)
        for table in (self.position_embedding, self.cls_token):
            if table is not None:
                nn.init.trunc_normal_(table, std=0.02)

    @property
    def out_channels(self) -> int:
        """Channels of the result: D, or 2 D with ``geo_context``."""
        return self.embed_dims * (1 if self.geo_context is None else 2)

    def forward(self,
                maps: Mapping[str, Tensor],
                batches: Mapping[str, ModalityBatch],
                regions: Optional[Tensor] = None) -> Tensor:
        """Fuse.

        Args:
            maps (dict[str, Tensor]): Name -> ``(B, T, C, h, w)``, the last
                map of the backbone. All cover the same ground.
            batches (dict[str, ModalityBatch]): Of the same names: ``valid``
                and ``dates`` are used.
            regions (Tensor, optional): For ``geo_context``. Defaults to None.

        Returns:
            Tensor: ``(B, out_channels, h', w')`` on the grid of the target. A
            sample without any frame gets what the learned token alone yields.

        Raises:
            DataError: If there is no map or one of an unknown name.
        """
        unknown = set(maps) - set(self.modalities)
        if unknown or not maps:
            raise DataError(
                f'TemporalFusion got maps of {sorted(maps) or "nothing"}, but '
                f'knows {self.modalities}: extend `modalities`.')
        names = [name for name in self.modalities if name in maps]
        height, width = maps[self._choose_target(names, batches)].shape[-2:]
        frames = {name: self._project(name, maps[name], batches[name],
                                      (height, width)) for name in names}
        sequence, filled = self._line_up(frames, batches)
        out = self._encode_sites(sequence, filled)  # (B * h * w, D)
        out = out.view(-1, height, width, self.embed_dims)
        out = out.permute(0, 3, 1, 2).contiguous()
        if self.geo_context is not None:
            out = self.geo_context(out, regions)
        return out

    def _choose_target(self, names: Sequence[str],
                       batches: Mapping[str, ModalityBatch]) -> str:
        """The target, or the first sensor that has a frame."""
        seen = [n for n in names if batches[n].valid.any()] or names
        return self.target if self.target in seen else seen[0]

    def _project(self, name: str, series: Tensor, batch: ModalityBatch,
                 size: tuple[int, int]) -> Tensor:
        """Valid frames of a sensor on the target's grid, ``(n, D, h, w)``."""
        x = series[batch.valid].permute(0, 2, 3, 1)  # (n, h, w, C)
        fine = x.shape[1] < size[0] or x.shape[2] < size[1]
        projection = self.projections[self._projection_of[name]]
        x = projection(x, fine and projection.ratio > 1)
        if name in self.calendar:
            dates = batch.dates[batch.valid]
            code = self.position_embedding[dates.clamp(min=0)]
            code = torch.where((dates >= 0)[:, None], code, 0.)
            x = x + code[:, None, None].to(x.dtype)
        return resize_grid(x.permute(0, 3, 1, 2), size)

    def _line_up(self, frames: Mapping[str, Tensor],
                 batches: Mapping[str, ModalityBatch]
                 ) -> tuple[Tensor, Tensor]:
        """Valid frames behind the learned token, no gap between them.

        Returns:
            tuple[Tensor, Tensor]: ``(B, h, w, L, D)`` and which of the L are
            filled, ``(B, L)``.
        """
        first = next(iter(frames.values()))
        valid = {name: batches[name].valid for name in frames}
        ends = sum(v.sum(1) for v in valid.values()) + 1  # (B, )
        longest = int(ends.max())
        sequence = first.new_zeros(
            (len(ends), *first.shape[-2:], longest, self.embed_dims))
        sequence[..., 0, :] = self.cls_token.to(first.dtype)
        by_frame = sequence.permute(0, 3, 4, 1, 2)  # (B, L, D, h, w), a view
        start = torch.ones_like(ends)
        for name, x in frames.items():
            sample = valid[name].nonzero()[:, 0]
            rank = valid[name].cumsum(1)[valid[name]] - 1
            by_frame[sample, start[sample] + rank] = x
            start = start + valid[name].sum(1)
        places = torch.arange(longest, device=ends.device)
        return sequence, places < ends[:, None]

    def _encode_sites(self, sequence: Tensor, filled: Tensor) -> Tensor:
        """The learned token of each place, ``(B * h * w, D)``."""
        sites = sequence.shape[1] * sequence.shape[2]
        x = sequence.flatten(0, 2)  # (B * h * w, L, D)
        mask = None
        if not filled.all():
            mask = filled.repeat_interleave(sites, 0)[:, None, None]
        parts = range(0, len(x), self.chunk_sites)
        whole = self.with_cp and self.training and len(parts) > 1
        outs = []
        for i in parts:
            chunk = slice(i, i + self.chunk_sites)
            outs.append(maybe_checkpoint(
                whole, self._encode, x[chunk],
                None if mask is None else mask[chunk], whole))
        return torch.cat(outs)

    def _encode(self, x: Tensor, mask: Optional[Tensor],
                recomputed: bool) -> Tensor:
        by_layer = self.with_cp and self.training and not recomputed
        for layer in self.layers:
            x = maybe_checkpoint(by_layer, layer, x, mask)
        return self.norm(x[:, 0])

    def _check(self, in_channels: Mapping[str, int]) -> None:
        missing = set(self.modalities) - set(in_channels)
        if missing:
            raise ConfigError(f'TemporalFusion: `in_channels` lacks '
                              f'{sorted(missing)}.')
        strange = (set(self.calendar) | {self.target}) - set(self.modalities)
        if strange:
            raise ConfigError(
                f'TemporalFusion: {sorted(strange)} of `target` or `calendar` '
                f'are not in `modalities` {self.modalities}.')
        if self.chunk_sites < 1:
            raise ConfigError('TemporalFusion: `chunk_sites` is at least 1.')

    def _check_shared(self, in_channels: Mapping[str, int]) -> None:
        widths = {in_channels[name] for name in self.modalities
                  if self._projection_of[name] == 'shared'}
        if len(widths) > 1:
            raise ConfigError(
                'TemporalFusion: modalities of different `in_channels` '
                f'{sorted(widths)} cannot share a projection: set '
                '`share_up=False`.')
