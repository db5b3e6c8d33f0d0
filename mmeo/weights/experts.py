# Copyright (c) mmeo contributors. All rights reserved.
"""Between a dense language model and one with an expert per granularity."""

import re
from collections.abc import Mapping

from torch import Tensor

from mmeo.errors import CheckpointError

_DENSE = re.compile(r'^(llm\..*layers\.\d+\.mlp\.)((?!experts\.).+)$')
_EXPERT = re.compile(r'^(llm\..*layers\.\d+\.mlp\.)experts\.(\d+)\.(.+)$')


def count_experts(state: Mapping[str, Tensor]) -> int:
    """Experts of a state dict under mmeo's names; 0 if it is dense."""
    numbers = [int(match[2]) for match in map(_EXPERT.match, state) if match]
    return 1 + max(numbers, default=-1)


def expand_experts(state: Mapping[str, Tensor],
                   num_experts: int = 3) -> dict[str, Tensor]:
    """Copy each feed-forward network into every expert.

    Source: RSUniVLM, start of stage 2. Tensors are shared, not copied.

    Args:
        state (Mapping[str, Tensor]): A dense model under mmeo's names.
        num_experts (int): Defaults to 3.

    Returns:
        dict[str, Tensor]: The same model with equal experts.

    Raises:
        CheckpointError: If it has experts already, or no language model.
    """
    if count_experts(state):
        raise CheckpointError(f'the model has {count_experts(state)} experts '
                              'already; take one first (extract_expert)')
    out, found = {}, False
    for key, value in state.items():
        match = _DENSE.match(key)
        if match is None:
            out[key] = value
            continue
        found = True
        out.update({f'{match[1]}experts.{i}.{match[2]}': value
                    for i in range(num_experts)})
    if not found:
        raise CheckpointError('no feed-forward network of a language model '
                              "(llm.*.mlp.*) among the keys: convert to "
                              "'mmeo' first")
    return out


def extract_expert(state: Mapping[str, Tensor],
                   expert: int) -> dict[str, Tensor]:
    """The dense model that answers questions of one granularity.

    Args:
        state (Mapping[str, Tensor]): With experts, under mmeo's names.
        expert (int): Which one: 0 image, 1 region, 2 pixel.

    Returns:
        dict[str, Tensor]: Dense.

    Raises:
        CheckpointError: If there is no such expert.
    """
    have = count_experts(state)
    if not 0 <= expert < have:
        raise CheckpointError(f'no expert {expert} among {have} of the '
                              'checkpoint')
    out = {}
    for key, value in state.items():
        match = _EXPERT.match(key)
        if match is None:
            out[key] = value
        elif int(match[2]) == expert:
            out[match[1] + match[3]] = value
    return out
