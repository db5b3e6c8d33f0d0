# Copyright (c) mmeo contributors. All rights reserved.
"""Granularity-oriented mixture of experts (RSUniVLM)."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor, nn

from mmeo.codecs import GRANULARITIES
from mmeo.errors import ConfigError
from mmeo.models.vlm.lora import lora_layers
from mmeo.registry import MODELS


@dataclass(frozen=True)
class ExpertRoute:
    """Which expert serves which stretch of a batch.

    Attributes:
        experts (tuple[int, ...]): Expert of each stretch.
        counts (tuple[int, ...]): Tokens of each stretch of a packed row, or
            rows of a padded batch.
        packed (bool): Whether the stretches lie along the tokens of one row
            ``(1, N, C)`` or along the rows of ``(B, L, C)``.
    """

    experts: tuple[int, ...]
    counts: tuple[int, ...]
    packed: bool

    @classmethod
    def of(cls, experts: Sequence[int],
           lengths: Optional[Sequence[int]] = None) -> 'ExpertRoute':
        """Merge neighbours that share an expert.

        Args:
            experts (Sequence[int]): Expert of each sample.
            lengths (Sequence[int], optional): Tokens of each in a packed
                row; None for a padded batch.
        """
        merged: list[list[int]] = []
        for expert, count in zip(experts, lengths or [1] * len(experts)):
            if merged and merged[-1][0] == expert:
                merged[-1][1] += count
            else:
                merged.append([expert, count])
        numbers, counts = zip(*merged)
        return cls(numbers, counts, lengths is not None)


class GranularityFFN(nn.Module):
    """Copies of a feed-forward network, one for each granularity.

    A state dict of the dense network loads into every copy.

    Args:
        ffn (nn.Module): The dense network ``(..., C) -> (..., C)``; it
            becomes the first expert.
        num_experts (int): Copies in all.
    """

    def __init__(self, ffn: nn.Module, num_experts: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(
            [ffn, *(copy.deepcopy(ffn) for _ in range(num_experts - 1))])
        #: Set before each call, see :func:`hand_over_route`.
        self.route: Optional[ExpertRoute] = None
        self._register_load_state_dict_pre_hook(self._copy_dense)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, L, C)`` to the same, each stretch by its expert.

        Raises:
            ConfigError: If no route was set, or it is of another batch.
        """
        route = self.route
        if route is None:
            raise ConfigError('GranularityFFN was called without a route: '
                              'call the language model through '
                              'HFLanguageModel, with `granularity`')
        touch = self.training and torch.is_grad_enabled()
        if len(route.experts) == 1 and not touch:
            return self.experts[route.experts[0]](x)
        return self._mix(x, *self._stretches(x, route), touch)

    def _stretches(self, x: Tensor, route: ExpertRoute
                   ) -> tuple[tuple[int, ...], list[int]]:
        """Experts, and vectors of ``x`` flattened that each serves."""
        total = sum(route.counts)
        have = x.shape[1] if route.packed else x.shape[0]
        # Beams and several answers to a prompt multiply the rows.
        factor, rest = divmod(have, total)
        if rest or (route.packed and (factor != 1 or x.shape[0] != 1)):
            raise ConfigError(f'a route of {total} for a batch of shape '
                              f'{tuple(x.shape)}')
        size = 1 if route.packed else factor * x.shape[1]
        return route.experts, [count * size for count in route.counts]

    def _mix(self, x: Tensor, experts: Sequence[int], counts: list[int],
             touch: bool) -> Tensor:
        parts = x.flatten(0, -2).split(counts)
        outs: list[Any] = [None] * len(parts)
        for number, expert in enumerate(self.experts):
            own = [i for i, e in enumerate(experts) if e == number]
            if not own:
                if touch:
                    # Absent here, perhaps at work on another rank: a call on
                    # no token gives its parameters a gradient of zero.
                    outs.append(expert(parts[0][:0]))
                continue
            rows = torch.cat([parts[i] for i in own]) if len(own) > 1 \
                else parts[own[0]]
            sizes = [counts[i] for i in own]
            for i, out in zip(own, expert(rows).split(sizes)):
                outs[i] = out
        return torch.cat(outs).view(x.shape)

    def _copy_dense(self, state_dict: dict, prefix: str, *args: Any) -> None:
        inner = prefix + 'experts.'
        dense = [key for key in state_dict
                 if key.startswith(prefix) and not key.startswith(inner)]
        for key in dense:
            tensor = state_dict.pop(key)
            for number in range(len(self.experts)):
                name = f'{inner}{number}.{key[len(prefix):]}'
                state_dict[name] = tensor


def hand_over_route(layer: nn.Module, args: tuple,
                    kwargs: dict) -> tuple[tuple, dict]:
    """Forward pre-hook of a decoder layer: give its FFN the route.

    The route travels as an argument of the layer, which activation
    checkpointing keeps and hands over again when it recomputes, so a batch
    that was run in the meantime does no harm.
    """
    kwargs = dict(kwargs)
    layer.mlp.route = kwargs.pop('route', None)
    return args, kwargs


@MODELS.register_module()
class GranularityMoE:
    """Turns each FFN of a language model into one expert per granularity.

    Source: RSUniVLM (arXiv 2412.05679) section 3.2. The router learns
    nothing: the task token of the last question says image, region or pixel,
    and one expert serves every token of the dialogue, in all layers. So a
    token costs what it costs in the dense model, and right after the
    expansion the outputs are the dense model's. Unlike in the public code the
    choice is made for each sample of a batch.

    Args:
        num_experts (int): Defaults to 3.
        routes (Sequence[int], optional): Expert of the granularities image,
            region and pixel; ``(0, 0, 1)`` has the first two share one (our
            addition). Defaults to ``(0, 1, 2)``.

    Raises:
        ConfigError: If ``routes`` names an expert that does not exist.
    """

    #: The route of the batch must be known before a call.
    routed = True

    def __init__(self,
                 num_experts: int = 3,
                 routes: Optional[Sequence[int]] = None) -> None:
        self.num_experts = num_experts
        self.routes = tuple(range(3) if routes is None else routes)
        if len(self.routes) != len(GRANULARITIES) or not all(
                0 <= expert < num_experts for expert in self.routes):
            raise ConfigError(
                f'GranularityMoE: routes={list(self.routes)} must name one '
                f'of {num_experts} experts for each of {GRANULARITIES}')

    def expand(self, llm: nn.Module) -> None:
        """Replace the FFNs of an :class:`HFLanguageModel`, in place.

        Raises:
            ConfigError: If it has LoRA, which would be copied with them.
        """
        if lora_layers(llm):
            raise ConfigError('GranularityMoE: the language model has LoRA '
                              'already; give `moe` or `lora`, not both')
        for layer in llm.layers:
            layer.mlp = GranularityFFN(layer.mlp, self.num_experts)
            layer.register_forward_pre_hook(hand_over_route, with_kwargs=True)

    def route(self, granularity: Sequence[int],
              lengths: Optional[Sequence[int]] = None) -> ExpertRoute:
        """Route of a batch.

        Args:
            granularity (Sequence[int]): 0, 1 or 2 for each sample.
            lengths (Sequence[int], optional): See :meth:`ExpertRoute.of`.
        """
        return ExpertRoute.of([self.routes[level] for level in granularity],
                              lengths)
