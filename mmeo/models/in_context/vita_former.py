# Copyright (c) mmeo contributors. All rights reserved.
"""VITA-Former: from prompts to in-context queries of three modes."""

from collections.abc import Sequence
from typing import Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS
from mmeo.structures.episode import MODES

from ..layers import MLP, QueryAttention
from .prompt_code import PromptCode
from .query_init import init_projections

PROTOTYPES = ('attend', 'add', 'none')
#: First preference of a fused token for its own class: half of its attention,
#: if there are some 16 classes.
OWN_BIAS = 4.0


def needed_groups(modes: Sequence[str]) -> tuple[str, ...]:
    """The groups of tokens that must be there to answer some modes.

    Fused tokens read the visual and the textual ones, which read only
    themselves.
    """
    return MODES if 'fused' in modes else tuple(
        mode for mode in MODES if mode in modes)


def group_mask(groups: Sequence[str], count: int,
               device: Optional[torch.device] = None) -> Tensor:
    """Who may read whom: visual and textual tokens never each other.

    Args:
        groups (Sequence[str]): Present groups, in order of the tokens.
        count (int): N tokens of each.
        device (torch.device, optional): Defaults to None.

    Returns:
        Tensor: ``(G * N, G * N)`` bool, rows read columns.
    """
    may = torch.tensor([[a == b or a == 'fused' for b in groups]
                        for a in groups], device=device)
    return may.repeat_interleave(count, 0).repeat_interleave(count, 1)


def own_class(groups: Sequence[str], count: int,
              device: Optional[torch.device] = None) -> Tensor:
    """Which tokens of other groups speak of a fused token's own class.

    Args:
        groups (Sequence[str]): Present groups, in order of the tokens.
        count (int): N tokens of each.
        device (torch.device, optional): Defaults to None.

    Returns:
        Tensor: ``(G * N, G * N)`` float, 1 where the row is a fused token and
        the column a visual or textual one of the same class.
    """
    pairs = torch.tensor([[float(a == 'fused' != b) for b in groups]
                          for a in groups], device=device)
    return torch.kron(pairs, torch.eye(count, device=device))


class FormerLayer(nn.Module):
    """Self-attention within the mask, a look at the target, an MLP.

    Args:
        embed_dims (int): Channels C.
        num_heads (int): Heads.
        feedforward_channels (int): Of the MLP.
    """

    def __init__(self, embed_dims: int, num_heads: int,
                 feedforward_channels: int) -> None:
        super().__init__()
        self.self_attn = QueryAttention(embed_dims, num_heads)
        self.cross_attn = QueryAttention(embed_dims, num_heads)
        self.mlp = MLP(embed_dims, feedforward_channels)
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dims) for _ in range(3))
        self.own_bias = nn.Parameter(torch.full((num_heads, ), OWN_BIAS))

    def forward(self, x: Tensor, mask: Tensor, own: Tensor, key: Tensor,
                value: Tensor) -> Tensor:
        """Refine the tokens.

        Args:
            x (Tensor): ``(B, L, C)``.
            mask (Tensor): ``(B, 1, L, L)`` bool, who may read whom.
            own (Tensor): ``(L, L)``, see :func:`own_class`.
            key (Tensor): Of the target ``(B, M, C)``.
            value (Tensor): Of the target ``(B, M, C)``.
        """
        bias = self.own_bias[:, None, None] * own  # (heads, L, L)
        bias = bias.to(x).masked_fill(~mask, float('-inf'))
        x = self.norms[0](x + self.self_attn(x, x, x, bias))
        x = self.norms[1](x + self.cross_attn(x, key, value))
        return self.norms[2](x + self.mlp(x))


@MODELS.register_module()
class VITAFormer(BaseModule):
    """Fuse prompts, with visual and textual ones isolated from each other.

    Source: SkySense-VITA. Per class there are a visual token (of the pooled
    features of its examples), a textual one (a projection of its embedded
    name) and a fused one (a projection of the latter). In each layer visual
    tokens attend
    to learned prototypes of the sensors; then all attend to each other, but
    that only fused tokens read those of other groups; then all to the target.
    Number of layers, order of norms and the MLP are our choice; that the
    prototypes of all sensors are attended to, with a learned preference for
    that of the example and that of the target; and a learned preference of
    fused tokens for their own class, without which nothing says whose example
    a visual token is: of a class never trained on, fused prompts would not
    use it.

    Args:
        embed_dims (int): Channels C. Defaults to 256.
        text_dims (int): D of the text encoder. Defaults to 512.
        num_layers (int): Defaults to 2.
        num_heads (int): Defaults to 8.
        feedforward_channels (int): Of the MLPs. Defaults to 512.
        modalities (Sequence[str]): Sensors, one prototype each. Defaults to
            ``('hr', 's1')``.
        prototypes (str): ``'attend'``; ``'add'``, the example's prototype is
            added instead, or ``'none'``: the paper's ablations. Defaults to
            'attend'.
        init_cfg (dict, optional): Defaults to None.

    Raises:
        ConfigError: If ``prototypes`` is unknown.
    """

    def __init__(self,
                 embed_dims: int = 256,
                 text_dims: int = 512,
                 num_layers: int = 2,
                 num_heads: int = 8,
                 feedforward_channels: int = 512,
                 modalities: Sequence[str] = ('hr', 's1'),
                 prototypes: str = 'attend',
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if prototypes not in PROTOTYPES:
            raise ConfigError(f'VITAFormer: `prototypes` is one of '
                              f'{PROTOTYPES}, got {prototypes!r}')
        self.embed_dims = embed_dims
        self.modalities = tuple(modalities)
        self.prototype_use = prototypes
        self.text_proj = nn.Linear(text_dims, embed_dims)
        self.fused_proj = nn.Linear(embed_dims, embed_dims)
        self.visual_proj = nn.Sequential(
            nn.LayerNorm(embed_dims), nn.Linear(embed_dims, embed_dims))
        # Stands where a class has no example; no token reads it but its own.
        self.no_visual = nn.Parameter(torch.zeros(embed_dims))
        self.layers = nn.ModuleList(
            FormerLayer(embed_dims, num_heads, feedforward_channels)
            for _ in range(num_layers))
        self.prototype_attn = None
        if prototypes != 'none':
            self.prototypes = nn.Parameter(
                torch.randn(len(self.modalities), embed_dims) * 0.02)
        if prototypes == 'attend':
            self.prototype_attn = nn.ModuleList(
                QueryAttention(embed_dims, num_heads)
                for _ in range(num_layers))
            self.prototype_norms = nn.ModuleList(
                nn.LayerNorm(embed_dims) for _ in range(num_layers))
            self.example_bias = nn.Parameter(torch.ones(num_heads))
            self.target_bias = nn.Parameter(torch.ones(num_heads))
        init_projections(self)

    def forward(self, code: PromptCode, target: Tensor, pos: Tensor,
                sensors: Tensor,
                modes: Sequence[str] = MODES) -> dict[str, Tensor]:
        """In-context queries.

        Args:
            code (PromptCode): Of B samples with N classes.
            target (Tensor): Map of the targets ``(B, C, h, w)``.
            pos (Tensor): Position code of its cells ``(1, h * w, C)``.
            sensors (Tensor): ``(B, )`` int64, number of the target's sensor.
            modes (Sequence[str]): Modes to answer; groups of tokens that
                none of them needs are not computed. Defaults to all.

        Returns:
            dict[str, Tensor]: Mode to ``(B, N, C)``.
        """
        groups = needed_groups(modes)
        tokens = self._tokens(code, groups)
        bias = self._prototype_bias(code, sensors)
        mask = self._mask(code, groups)
        own = own_class(groups, code.class_valid.shape[1], target.device)
        value = target.flatten(2).transpose(1, 2)  # (B, hw, C)
        key = value + pos
        for index, layer in enumerate(self.layers):
            if groups[0] == 'visual':
                tokens[0] = self._add_prototypes(tokens[0], index, code, bias)
            x = layer(torch.cat(tokens, 1), mask, own, key, value)
            tokens = list(x.chunk(len(groups), 1))
        found = dict(zip(groups, tokens))
        return {mode: found[mode] for mode in modes}

    def _tokens(self, code: PromptCode,
                groups: Sequence[str]) -> list[Tensor]:
        """The first tokens of each group, ``(B, N, C)``."""
        tokens = []
        if 'visual' in groups:
            visual = self.visual_proj(code.visual)
            has = code.visual_valid[..., None]
            tokens.append(torch.where(has, visual, self.no_visual.to(visual)))
        if 'textual' in groups:
            text = self.text_proj(code.text)
            tokens.append(text)
        if 'fused' in groups:
            tokens.append(self.fused_proj(text))
        return tokens

    @staticmethod
    def _mask(code: PromptCode, groups: Sequence[str]) -> Tensor:
        """``(B, 1, L, L)`` bool; a token can always read itself."""
        valid = torch.cat([code.valid(group) for group in groups], 1)
        count = code.class_valid.shape[1]
        may = group_mask(groups, count, valid.device) & valid[:, None]
        own = torch.eye(may.shape[-1], dtype=torch.bool, device=may.device)
        return (may | own)[:, None]

    def _prototype_bias(self, code: PromptCode,
                        sensors: Tensor) -> Optional[Tensor]:
        """Preference among the prototypes, ``(B, heads, N, S)``."""
        if self.prototype_attn is None or code.visual is None:
            return None
        target = nn.functional.one_hot(sensors, len(self.modalities))
        example = code.sensors[:, None].to(self.example_bias)
        return (example * self.example_bias[:, None, None]
                + target[:, None, None] * self.target_bias[:, None, None])

    def _add_prototypes(self, visual: Tensor, index: int, code: PromptCode,
                        bias: Optional[Tensor]) -> Tensor:
        """Tell visual tokens ``(B, N, C)`` about the sensors."""
        if self.prototype_use == 'attend':
            table = self.prototypes.to(visual)
            table = table.expand(len(visual), *table.shape)
            seen = self.prototype_attn[index](visual, table, table,
                                              bias.to(visual))
            return self.prototype_norms[index](visual + seen)
        if self.prototype_use == 'add':
            return visual + (code.sensors.to(visual)
                             @ self.prototypes.to(visual))
        return visual
