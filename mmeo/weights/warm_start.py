# Copyright (c) mmeo contributors. All rights reserved.
"""Start SkySense V2 from the high-resolution encoder of SkySense V1."""

import re
from collections.abc import Mapping
from typing import Optional

import torch
from torch import Tensor

from mmeo.errors import CheckpointError

from .families import skysense_v1
from .io import unwrap
from .report import Report

_START = 'encoder.'
# Why a tensor of V2 keeps its own start, by its name.
_FRESH = (
    (r'\.(logit_scale|cpb_mlp\..*)$',
     'scales and position networks are per head; V1 has other heads'),
    (r'^tokenizers\.(?!hr\.)',
     "tokenizers of other sensors: V1's have 1024 channels"),
    (r'^prompts\.', 'prompt tokens: V1 has none'),
    (r'^pos_embed$', 'position table: V1 has none'),
    (r'^merges\.\d+\.own\.', "projections of one sensor's own: V1 has none"),
    (r'^stages\.[23]\.\d+\.norm', 'norms of stages 3 and 4: they stand before '
     'attention and MLP in V2, behind them in V1'),
    (r'^stages\.[23]\.\d+\.mlp\.(?!fc[12])',
     'experts: upcycle a dense model instead'),
    (r'^(stages|norms)\.[23]\.', 'stages 3 and 4: another attention, copied '
     'only on request'),
)


def warm_start_v2(state_dict: Mapping,
                  target: Mapping[str, Tensor],
                  global_stages: bool = False
                  ) -> tuple[dict[str, Tensor], Report]:
    """Copy what fits of SkySense V1's Swin V2 into a SkySenseV2.

    Our choice; nobody has published whether it helps. Copied are the
    tokenizer of ``'hr'``, projections, MLPs and norms of stages 1 and 2, the
    merges, and norms of returned maps. V1 has heads of 44 channels and V2 of
    32, so the copied projections are read by other heads, and what belongs to
    a head (scales, position networks) starts anew.

    Args:
        state_dict (Mapping): A checkpoint that holds V1's ``'hr'``, in any
            layout.
        target (Mapping[str, Tensor]): ``state_dict()`` of the SkySenseV2 to
            start, freshly initialised; not changed.
        global_stages (bool): Copy attention and MLP of stages 3 and 4 as
            well. Their shapes fit, their statistics do not: V1 normalises
            behind each branch and takes cosines for scores. Defaults to
            False.

    Returns:
        tuple[dict[str, Tensor], Report]: A complete state dict of the target,
        and which of its tensors were copied (``matched``) or keep their own
        start (``missing``, reasons in ``notes``).

    Raises:
        CheckpointError: If there is no such encoder, or it is of another
            width.
    """
    source, _ = skysense_v1.to_mmeo(unwrap(state_dict), 'hr')
    source = {k[len(_START):]: v for k, v in source.items()}
    out, report = {}, Report('skysense_v2', 'warm start', part='hr')
    for key, fresh in target.items():
        value = _find(key, source, global_stages)
        if value is None:
            report.missing.append(key)
            out[key] = fresh
            continue
        if value.shape != fresh.shape:
            raise CheckpointError(
                f'{key} of the target has shape {tuple(fresh.shape)}, V1 '
                f"{tuple(value.shape)}: give SkySenseV2 the arch of this "
                "encoder ('huge' for the released one).")
        out[key] = value.to(fresh.dtype).clone()
        report.matched += 1
    if 'tokenizers.hr.projection.weight' not in target:
        report.notes.append("the target has no modality 'hr': V1's tokenizer "
                            'was not copied')
    report.notes += _reasons(report.missing)
    return out, report


def _find(key: str, source: Mapping[str, Tensor],
          global_stages: bool) -> Optional[Tensor]:
    """V1's tensor for a key of V2, or None where V2 starts anew."""
    late = re.match(r'(stages|norms)\.[23]\.', key)
    if late and not global_stages or key.endswith('logit_scale') or (
            '.cpb_mlp.' in key) or re.match(r'stages\.[23]\.\d+\.norm', key):
        return None
    key = key.replace('tokenizers.hr.', 'tokenizer.')
    if late and key.endswith('attn.qkv.bias'):
        stem = key[:-len('qkv.bias')]
        query = source.get(stem + 'q_bias')
        if query is None:
            return None
        # V1's keys have no bias.
        return torch.cat((query, torch.zeros_like(query),
                          source[stem + 'v_bias']))
    return source.get(key)


def _reasons(keys: list[str]) -> list[str]:
    """Count the keys left out by reason."""
    counts: dict[str, int] = {}
    for key in keys:
        reason = next((why for pattern, why in _FRESH
                       if re.search(pattern, key)), 'absent from V1')
        counts[reason] = counts.get(reason, 0) + 1
    return [f'{count} start anew: {why}' for why, count in counts.items()]
