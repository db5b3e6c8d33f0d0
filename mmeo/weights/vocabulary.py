# Copyright (c) mmeo contributors. All rights reserved.
"""Rows of the vocabulary: files keep more or fewer than a model has."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmeo.errors import CheckpointError

EMBED, HEAD = 'model.embed_tokens.weight', 'lm_head.weight'


def fit_vocabulary(stored: Tensor, own: Tensor) -> Tensor:
    """Stored rows, cut or filled up with the model's own.

    Qwen2's tokenizer has 151 646 ids, its table 151 936 rows; LLaVA's loaders
    cut that to the tokenizer, transformers' conversion fills it up to 152 000.
    The ids in between are of no token.

    Args:
        stored (Tensor): ``(V, C)`` of a file.
        own (Tensor): ``(V', C)`` of the model.

    Returns:
        Tensor: ``(V', C)``; ``stored`` itself where it fits.

    Raises:
        CheckpointError: If the channels differ.
    """
    if stored.shape == own.shape:
        return stored
    if stored.dim() != 2 or stored.shape[1] != own.shape[1]:
        raise CheckpointError(
            f'a vocabulary of {tuple(stored.shape)} does not fit one of '
            f'{tuple(own.shape)}: only the number of rows may differ')
    rows = min(len(stored), len(own))
    return torch.cat([stored[:rows], own[rows:].to(stored)])


def resize_vocabulary(state: Mapping[str, Tensor], rows: int,
                      seed: int = 0) -> tuple[dict[str, Tensor], list[str]]:
    """Bring embedding and head of a model to a number of rows.

    Args:
        state (Mapping[str, Tensor]): Under the names of any layout.
        rows (int): Wanted.
        seed (int): New rows are drawn around the mean of the old ones, with
            their spread. Defaults to 0.

    Returns:
        tuple[dict[str, Tensor], list[str]]: The tensors, and what was done.
    """
    out, notes, done = dict(state), [], {}
    for key, value in state.items():
        if not key.endswith(('embed_tokens.weight', HEAD)) or \
                len(value) == rows:
            continue
        if id(value) not in done:
            generator = torch.Generator().manual_seed(seed)
            table = value.float()
            drawn = torch.randn(max(rows - len(value), 0), value.shape[1],
                                generator=generator)
            more = (table.mean(0) + drawn * table.std(0)).to(value.dtype)
            done[id(value)] = torch.cat([value[:rows], more])
        out[key] = done[id(value)]
        notes.append(f'{key}: {len(value)} rows of the vocabulary in the '
                     f'file, {rows} wanted; '
                     + ('the rest was cut' if len(value) > rows else
                        f'{rows - len(value)} were drawn'))
    return out, notes
