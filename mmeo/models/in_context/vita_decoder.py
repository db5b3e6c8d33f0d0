# Copyright (c) mmeo contributors. All rights reserved.
"""VITA-Decoder: masks and classes of three modes that never meet."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS
from mmeo.structures.episode import MODES

from ..layers import MLP, QueryAttention, no_autocast
from .query_init import init_projections

SEGMENT, CONTEXT = range(2)


class Prediction(NamedTuple):
    """What the queries of one mode say after one layer.

    Args:
        classes (Tensor): ``(B, Q, N + 1)`` logits; -inf for classes that are
            not valid; the last is 'no object'.
        masks (Tensor): ``(B, Q, h, w)`` logits at stride 4.
    """

    classes: Tensor
    masks: Tensor


class DecoderLayer(nn.Module):
    """A look at the target, self-attention per mode, an MLP.

    Args:
        embed_dims (int): Channels C.
        num_heads (int): Heads.
        feedforward_channels (int): Of the MLP.
    """

    def __init__(self, embed_dims: int, num_heads: int,
                 feedforward_channels: int) -> None:
        super().__init__()
        self.cross_attn = QueryAttention(embed_dims, num_heads)
        self.self_attn = QueryAttention(embed_dims, num_heads)
        self.mlp = MLP(embed_dims, feedforward_channels)
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dims) for _ in range(3))

    def forward(self, x: Tensor, pos: Tensor, key: Tensor, value: Tensor,
                seen: Tensor, readable: Tensor) -> Tensor:
        """Refine the queries.

        Modes are part of the length while the target is read, where no query
        knows of another, and part of the batch while queries read each other:
        the block-diagonal mask of the paper without its empty blocks.

        Args:
            x (Tensor): ``(B, M, L, C)``.
            pos (Tensor): ``(B or 1, M, L, C)``, added to queries and keys.
            key (Tensor): ``(B, hw, C)``.
            value (Tensor): ``(B, hw, C)``.
            seen (Tensor): ``(B, 1, M * L, hw)`` bool, cells each may read.
            readable (Tensor): ``(B * M, 1, 1, L)`` bool, queries to be read.
        """
        shape = x.shape
        query = (x + pos).flatten(1, 2)
        look = self.cross_attn(query, key, value, seen)
        x = self.norms[0](x + look.view(shape))
        query = (x + pos).flatten(0, 1)
        talk = self.self_attn(query, query, x.flatten(0, 1), readable)
        x = self.norms[1](x + talk.view(shape))
        return self.norms[2](x + self.mlp(x))


@MODELS.register_module()
class VITADecoder(BaseModule):
    """Segmentation queries of each mode, paired with its in-context queries.

    Source: SkySense-VITA. Each mode has learnable queries; an embedding tells
    mode, role and the target's sensor. Masks
    are products with the mask features; classes are cosines with the
    in-context queries of the same mode over a learned temperature, so that
    there is no fixed classifier. Masked attention is Mask2Former's (arXiv
    2112.01527); in-context queries read the whole target (our choice), as are
    the sizes, a learned 'no object' per mode and the temperature's start and
    bound.

    Args:
        embed_dims (int): Channels C. Defaults to 256.
        num_queries (int): Q of each mode. Defaults to 100.
        num_layers (int): Defaults to 9.
        num_heads (int): Defaults to 8.
        feedforward_channels (int): Of the MLPs. Defaults to 2048.
        modalities (Sequence[str]): Sensors. Defaults to ``('hr', 's1')``.
        num_levels (int): Maps of the target that layers read in turn, coarse
            to fine. Defaults to 3.
        temperature (float): First value. Defaults to 0.07.
        min_temperature (float): Lower bound. Defaults to 0.01.
        init_cfg (dict, optional): Defaults to None.
    """

    def __init__(self,
                 embed_dims: int = 256,
                 num_queries: int = 100,
                 num_layers: int = 9,
                 num_heads: int = 8,
                 feedforward_channels: int = 2048,
                 modalities: Sequence[str] = ('hr', 's1'),
                 num_levels: int = 3,
                 temperature: float = 0.07,
                 min_temperature: float = 0.01,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.embed_dims = embed_dims
        self.num_queries = num_queries
        self.modalities = tuple(modalities)
        self.num_levels = num_levels
        self.min_temperature = min_temperature
        size = len(MODES), num_queries, embed_dims
        self.queries = nn.Parameter(torch.randn(size))
        self.query_pos = nn.Parameter(torch.randn(size))
        self.mode_embed = nn.Parameter(torch.randn(len(MODES), embed_dims))
        self.role_embed = nn.Parameter(torch.randn(2, embed_dims))
        self.sensor_embed = nn.Parameter(
            torch.randn(len(self.modalities), embed_dims))
        self.level_embed = nn.Parameter(torch.randn(num_levels, embed_dims))
        self.level_projs = nn.ModuleList(
            nn.Linear(embed_dims, embed_dims) for _ in range(num_levels))
        self.layers = nn.ModuleList(
            DecoderLayer(embed_dims, num_heads, feedforward_channels)
            for _ in range(num_layers))
        self.norm = nn.LayerNorm(embed_dims)
        self.mask_embed = nn.Sequential(
            nn.Linear(embed_dims, embed_dims), nn.ReLU(inplace=True),
            nn.Linear(embed_dims, embed_dims), nn.ReLU(inplace=True),
            nn.Linear(embed_dims, embed_dims))
        self.no_object = nn.Parameter(torch.randn(len(MODES), embed_dims))
        self.log_temperature = nn.Parameter(torch.tensor(temperature).log())
        init_projections(self)

    @property
    def temperature(self) -> Tensor:
        """Divides the cosines."""
        return self.log_temperature.exp().clamp(min=self.min_temperature)

    def forward(self,
                levels: Sequence[Tensor],
                positions: Sequence[Tensor],
                features: Tensor,
                context: Mapping[str, Tensor],
                valid: Mapping[str, Tensor],
                sensors: Tensor,
                all_layers: bool = True) -> list[dict[str, Prediction]]:
        """Predict masks and their classes.

        Args:
            levels (Sequence[Tensor]): Maps of the target, coarse to fine,
                each ``(B, C, h_i, w_i)``.
            positions (Sequence[Tensor]): Of their cells, each
                ``(1, h_i * w_i, C)``.
            features (Tensor): Mask features ``(B, C, h, w)``.
            context (dict[str, Tensor]): Mode to in-context queries
                ``(B, N, C)``, of :class:`VITAFormer`.
            valid (dict[str, Tensor]): Mode to ``(B, N)`` bool, which classes
                can be found.
            sensors (Tensor): ``(B, )`` int64, number of the target's sensor.
            all_layers (bool): Also predict classes of queries before the
                last layer, for deep supervision. Defaults to True.

        Returns:
            list[dict[str, Prediction]]: Of the first queries and after each
            layer; without ``all_layers`` only the last.

        Raises:
            ConfigError: If the number of levels does not fit.
        """
        if len(levels) != self.num_levels:
            raise ConfigError(f'VITADecoder: got {len(levels)} maps for '
                              f'num_levels={self.num_levels}.')
        modes = tuple(context)
        x, pos = self._start(context, sensors)  # (B, M, L, C)
        can = torch.stack([valid[mode] for mode in modes], 1)  # (B, M, N)
        readable = F.pad(can, (self.num_queries, 0), value=True)
        readable = readable.flatten(0, 1)[:, None, None]
        memory = self._memory(levels, positions)
        masks = self._masks(x, features)
        outs = [self._predict(x, masks, modes, can)] if all_layers else []
        for index, layer in enumerate(self.layers):
            level = index % self.num_levels
            seen = self._seen(masks, levels[level].shape[-2:], x.shape[2])
            x = layer(x, pos, *memory[level], seen, readable)
            masks = self._masks(x, features)
            if all_layers or index == len(self.layers) - 1:
                outs.append(self._predict(x, masks, modes, can))
        return outs

    def _start(self, context: Mapping[str, Tensor],
               sensors: Tensor) -> tuple[Tensor, Tensor]:
        """Queries of all modes and what tells them apart."""
        found = torch.stack(list(context.values()), 1)  # (B, M, N, C)
        rows = [MODES.index(mode) for mode in context]
        queries = self.queries[rows].to(found)  # (M, Q, C)
        queries = queries.expand(len(found), -1, -1, -1)
        kind = (self.mode_embed[rows][None, :, None]
                + self.sensor_embed[sensors][:, None, None])  # (B, M, 1, C)
        own = self.query_pos[rows] + self.role_embed[SEGMENT]
        other = self.role_embed[CONTEXT].expand(*found.shape[1:])
        pos = kind + torch.cat((own, other), 1)  # (B, M, L, C)
        return torch.cat((queries, found), 2), pos.to(found)

    def _memory(self, levels: Sequence[Tensor], positions: Sequence[Tensor]
                ) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each level, ``(B, hw, C)``."""
        memory = []
        for index, (level, pos) in enumerate(zip(levels, positions)):
            value = self.level_projs[index](level.flatten(2).transpose(1, 2))
            value = value + self.level_embed[index].to(value)
            memory.append((value + pos.to(value), value))
        return memory

    def _masks(self, x: Tensor, features: Tensor) -> Tensor:
        """Mask logits of the segmentation queries, ``(B, M, Q, h, w)``."""
        embed = self.mask_embed(self.norm(x[:, :, :self.num_queries]))
        return torch.einsum('bmqc,bchw->bmqhw', embed, features)

    def _seen(self, masks: Tensor, size: Sequence[int],
              length: int) -> Tensor:
        """Cells that each query may read, ``(B, 1, M * L, hw)`` bool.

        Those where its mask is likely; all of them if it is nowhere, and for
        in-context queries.
        """
        batch, modes = masks.shape[:2]
        small = F.interpolate(masks.detach().flatten(0, 1).float(),
                              tuple(size), mode='bilinear',
                              align_corners=False)
        seen = (small > 0).flatten(2)  # (B * M, Q, hw)
        seen = seen | ~seen.any(-1, keepdim=True)
        seen = F.pad(seen, (0, 0, 0, length - seen.shape[1]), value=True)
        return seen.view(batch, 1, modes * length, -1)

    def _predict(self, x: Tensor, masks: Tensor, modes: Sequence[str],
                 valid: Tensor) -> dict[str, Prediction]:
        """Classes by cosine, ``(B, Q, N + 1)`` for each mode."""
        with no_autocast(x.device):
            x = self.norm(x.float())
            ends = self.no_object[[MODES.index(mode) for mode in modes]]
            ends = ends.float()[None, :, None].expand(len(x), -1, -1, -1)
            known = torch.cat((x[:, :, self.num_queries:], ends), 2)
            logits = F.normalize(x[:, :, :self.num_queries], dim=-1) @ \
                F.normalize(known, dim=-1).transpose(-2, -1)
            logits = logits / self.temperature.float()
            may = F.pad(valid, (0, 1), value=True)[:, :, None]
            logits = logits.masked_fill(~may, float('-inf'))
        return {mode: Prediction(logits[:, i], masks[:, i])
                for i, mode in enumerate(modes)}
