# Copyright (c) mmeo contributors. All rights reserved.
"""A vision-language model from a tower and a language model of their own."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmeo.errors import CheckpointError

from .families import siglip
from .report import Report


def compose_llava(vision: Mapping[str, Tensor], llm: Mapping[str, Tensor],
                  newline: bool = True,
                  seed: int = 0) -> tuple[dict[str, Tensor], Report]:
    """Join SigLIP and Qwen2 as published into an untrained LLaVA.

    The projector and the newline are drawn, as LLaVA starts them.

    Args:
        vision (Mapping[str, Tensor]): SigLIP in any layout.
        llm (Mapping[str, Tensor]): transformers' ``Qwen2ForCausalLM``:
            ``model.*`` and, where it is not tied, ``lm_head.weight``.
        newline (bool): Whether the model has ``image_newline``. Defaults to
            True.
        seed (int): Of what is drawn. Defaults to 0.

    Returns:
        tuple[dict[str, Tensor], Report]: Under mmeo's names, and what became
        of the tower's keys.

    Raises:
        CheckpointError: If either is not what it should be.
    """
    embed = llm.get('model.embed_tokens.weight')
    unknown = [key for key in llm
               if not key.startswith(('model.', 'lm_head.'))]
    if embed is None or unknown:
        raise CheckpointError(
            "the language model is not in transformers' layout "
            f'(model.embed_tokens.weight, ...); it has {unknown[:3]}')
    tower, report = siglip.to_mmeo(dict(vision))
    if report.missing:
        raise CheckpointError('the tower is not complete.\n' + report.text())
    width_in, width = tower['patch_embed.bias'].shape[0], embed.shape[1]
    generator = torch.Generator().manual_seed(seed)

    def linear(rows: int, cols: int) -> dict[str, Tensor]:
        bound = cols**-0.5
        return {
            kind: torch.empty(shape).uniform_(
                -bound, bound, generator=generator).to(embed.dtype)
            for kind, shape in (('weight', (rows, cols)), ('bias', (rows, )))}

    out = {'vision.' + key: value for key, value in tower.items()}
    for name, cols in (('fc1', width_in), ('fc2', width)):
        out.update({f'projector.{name}.{kind}': value
                    for kind, value in linear(width, cols).items()})
    if newline:
        out['image_newline'] = (torch.randn(width, generator=generator)
                                * width**-0.5).to(embed.dtype)
    out.update({'llm.model.' + key: value for key, value in llm.items()})
    out.setdefault('llm.model.lm_head.weight', embed)
    report.notes.append('projector and newline were drawn'
                        if newline else 'the projector was drawn')
    return out, report
