# Copyright (c) mmeo contributors. All rights reserved.
"""Which parts of a vision-language model are trained."""

from collections.abc import Sequence

from torch import nn

from mmeo.errors import ConfigError

PARTS = ('vision', 'projector', 'llm', 'experts')


def freeze_parts(model: nn.Module, parts: Sequence[str]) -> None:
    """Stop training parts of an :class:`InstructVLM`, in place.

    Args:
        model (InstructVLM): The model.
        parts (Sequence[str]): Of :data:`PARTS`. 'llm' leaves out what a
            mixture of experts or LoRA has put into the language model;
            'experts' is that.

    Raises:
        ConfigError: If a part is unknown, or 'experts' is named and there
            are none.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise ConfigError(f'freeze={list(parts)}: {unknown[0]!r} is none of '
                          f'{PARTS}')
    added = {id(p) for p in added_parameters(model.llm)}
    if 'experts' in parts and not added:
        raise ConfigError("freeze names 'experts', but the model has neither "
                          '`moe` nor LoRA')
    for part in set(parts) & {'vision', 'projector'}:
        getattr(model, part).requires_grad_(False)
    if 'vision' in parts and getattr(model, 'image_newline', None) is not None:
        # Part of the image's embedding; nothing else would hold it.
        model.image_newline.requires_grad_(False)
    for param in model.llm.parameters():
        if ('experts' if id(param) in added else 'llm') in parts:
            param.requires_grad_(False)


def added_parameters(llm: nn.Module) -> list[nn.Parameter]:
    """Parameters of mixtures of experts and of LoRA in a language model."""
    found = [p for layer in llm.layers if hasattr(layer.mlp, 'experts')
             for p in layer.mlp.parameters()]
    return found + [p for name, p in llm.named_parameters()
                    if '.lora_' in name]
