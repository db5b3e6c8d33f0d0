# Copyright (c) mmeo contributors. All rights reserved.
"""What student and teacher have one each of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS
from mmeo.structures import CropBatch, ModalityBatch
from mmeo.structures.modality import UNKNOWN_DATE

from .view_matching import ViewPairs

FUSED = 'fused'


@dataclass
class Views:
    """One source's maps of the crops of one kind.

    Args:
        maps (Tensor): ``(V, B, T, C, h, w)``, 0 where not valid.
        valid (Tensor): ``(V, B, T)`` bool.
    """

    maps: Tensor
    valid: Tensor


class SelfSupBranch(BaseModule):
    """Backbone, fusion, and the heads whose outputs are compared.

    Student and teacher are equal but for their weights, so under FSDP each is
    cut into the same shards, and the moving average can be taken shard by
    shard. For that everything runs inside :meth:`forward`.

    Args:
        backbone (dict): :class:`SkySenseV2`; its last map is used.
        fusion (dict, optional): :class:`TemporalFusion`; ``in_channels`` and
            ``modalities`` follow from the backbone. Defaults to None.
        mgcl (dict, optional): :class:`MGCLHead` without ``in_channels``, and
            ``sources``, modalities and ``'fused'``, by default all there are.
            Defaults to None, none.
        qsacl (dict, optional): :class:`QSACLHead` without ``in_channels``,
            and ``sources``, by default all modalities. Defaults to None.
    """

    def __init__(self,
                 backbone: Mapping,
                 fusion: Optional[Mapping] = None,
                 mgcl: Optional[Mapping] = None,
                 qsacl: Optional[Mapping] = None) -> None:
        super().__init__()
        backbone = dict(backbone)
        if backbone.get('moe'):
            # Here the balance of experts is one of the losses.
            backbone['moe'] = {**backbone['moe'], 'inject_aux': False}
        self.backbone = MODELS.build(backbone)
        # Of maps that no loss reads: distributed training would wait for
        # their gradients.
        for norm in list(self.backbone.norms.children())[:-1]:
            norm.requires_grad_(False)
        names = tuple(self.backbone.modalities)
        self.fusion = MODELS.build({
            'in_channels': self.backbone.out_channels[-1],
            'modalities': names, **fusion}) if fusion else None
        every = (*names, FUSED) if fusion else names
        mgcl, qsacl = dict(mgcl or {}), dict(qsacl or {})
        self.mgcl_sources = self._sources(mgcl, every, every)
        self.qsacl_sources = self._sources(qsacl, names, every)
        self.mgcl = nn.ModuleDict()
        if mgcl:
            for key in {s == FUSED: 0 for s in self.mgcl_sources}:
                self.mgcl[_key(key)] = MODELS.build(dict(
                    type='mmeo.MGCLHead', in_channels=self._channels(key),
                    **mgcl))
        self.qsacl = nn.ModuleDict()
        if qsacl:
            for key in {s == FUSED: 0 for s in self.qsacl_sources}:
                self.qsacl[_key(key)] = MODELS.build(dict(
                    type='mmeo.QSACLHead', in_channels=self._channels(key),
                    **qsacl))

    def forward(self,
                crops: Sequence[CropBatch],
                pairs: Optional[ViewPairs],
                side: str,
                groups: Optional[Mapping[str, Tensor]] = None,
                local_maps: bool = False,
                heads: bool = True) -> dict[str, Any]:
        """Encode and project all crops.

        Args:
            crops (Sequence[CropBatch]): Global ones first; all with the same
                modalities.
            pairs (ViewPairs, optional): Of the global crops; MGCL needs them.
            side (str): ``'student'`` or ``'teacher'``.
            groups (dict[str, Tensor], optional): The teacher's groups by
                source, for the student. Defaults to None.
            local_maps (bool): Encode local crops though no head here needs
                them. Defaults to False.
            heads (bool): False only encodes. Defaults to True.

        Returns:
            dict: ``mgcl`` (by source, see :class:`MGCLHead`), ``qsacl`` (by
            source ``(V, S * m, K)``, global views first), ``views`` (by kind
            and source, :class:`Views`), ``aux`` (Tensor, of experts).
        """
        views = {}
        for kind in ('global', 'local'):
            chosen = [crop for crop in crops if crop.kind == kind]
            if chosen and (kind == 'global' or local_maps or self.qsacl):
                views[kind] = self._encode(
                    chosen, self._needs_fused(kind))
        out: dict[str, Any] = dict(
            views=views, aux=self.backbone.pop_aux_loss(), mgcl={}, qsacl={})
        if not heads:
            return out
        for source in self.mgcl_sources:
            head = self.mgcl[_key(source == FUSED)]
            found = views['global'][source]
            out['mgcl'][source] = head(
                found.maps, found.valid, pairs, side,
                (groups or {}).get(source))
        for source in self.qsacl_sources:
            out['qsacl'][source] = self._aggregate(
                source, [views[kind][source] for kind in views])
        return out

    def _aggregate(self, source: str, views: list[Views]) -> Tensor:
        head = self.qsacl[_key(source == FUSED)]
        # (B, ): a frame in each view
        samples = torch.cat([v.valid.any(-1) for v in views]).all(0)
        return torch.cat([head(v.maps, v.valid, samples) for v in views])

    def _encode(self, crops: Sequence[CropBatch],
                fused: bool) -> dict[str, Views]:
        """All crops of a kind in one pass per modality."""
        count, batch = len(crops), len(crops[0].boxes)
        inputs = {name: join_series([crop.modalities[name] for crop in crops])
                  for name in crops[0].modalities}
        # At least one frame, so that distributed training meets each
        # parameter on each rank; its map is not used.
        maps = {
            name: found[-1] * inputs[name].valid[..., None, None, None]
            for name, found in self.backbone.forward_modalities(
                {k: with_frame(v) for k, v in inputs.items()}).items()}
        found = {name: (maps[name], inputs[name].valid) for name in maps}
        if fused:
            found[FUSED] = self._fuse(maps, inputs, crops)
        # (V * B, ...) -> (V, B, ...)
        return {name: Views(a.unflatten(0, (count, batch)),
                            b.unflatten(0, (count, batch)))
                for name, (a, b) in found.items()}

    def _fuse(self, maps: Mapping[str, Tensor],
              inputs: Mapping[str, ModalityBatch],
              crops: Sequence[CropBatch]) -> tuple[Tensor, Tensor]:
        regions = [crop.regions for crop in crops
                   if crop.regions is not None]
        fused = self.fusion(  # (N, D, h, w)
            maps, inputs, torch.cat(regions) if regions else None)
        valid = torch.cat([x.valid for x in inputs.values()], 1)
        return fused[:, None], valid.any(1, keepdim=True)

    def _needs_fused(self, kind: str) -> bool:
        sources = self.qsacl_sources
        if kind == 'global':
            sources = (*sources, *self.mgcl_sources)
        return FUSED in sources

    def _channels(self, fused: bool) -> int:
        if fused:
            return self.fusion.out_channels
        return self.backbone.out_channels[-1]

    @staticmethod
    def _sources(cfg: dict, default: tuple, known: tuple) -> tuple[str, ...]:
        if not cfg:
            return ()
        chosen = tuple(cfg.pop('sources', default))
        if not chosen or not set(chosen) <= set(known):
            raise ConfigError(f'sources={chosen} must be some of {known}; '
                              f"'{FUSED}' needs a `fusion`.")
        return chosen


def _key(fused: bool) -> str:
    return FUSED if fused else 'backbone'


def join_series(batches: Sequence[ModalityBatch]) -> ModalityBatch:
    """Put batches one after another, padded to the longest series."""
    longest = max(batch.images.shape[1] for batch in batches)
    padded = [pad_series(batch, longest) for batch in batches]
    return ModalityBatch(*(torch.cat([getattr(b, name) for b in padded])
                           for name in ('images', 'valid', 'dates')))


def pad_series(batch: ModalityBatch, length: int) -> ModalityBatch:
    """Append invalid frames up to ``length``."""
    missing = length - batch.images.shape[1]
    if not missing:
        return batch
    return ModalityBatch(
        F.pad(batch.images, (0, 0, 0, 0, 0, 0, 0, missing)),
        F.pad(batch.valid, (0, missing)),
        F.pad(batch.dates, (0, missing), value=UNKNOWN_DATE))


def with_frame(batch: ModalityBatch) -> ModalityBatch:
    """Where no frame is valid, declare a blank one valid."""
    if batch.valid.any():
        return batch
    valid = batch.valid.clone()
    valid[0, 0] = True
    return replace(batch, images=torch.zeros_like(batch.images), valid=valid)
