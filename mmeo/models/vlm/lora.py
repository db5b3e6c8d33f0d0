# Copyright (c) mmeo contributors. All rights reserved.
"""Low-rank adapters of peft inside a model, in place."""

from typing import Any

from torch import nn

from mmeo.errors import ConfigError

_ADAPTER = 'default'


def add_lora(module: nn.Module, cfg: dict) -> None:
    """Train low-rank additions to linear layers in place of the layers.

    Source: LoRA (arXiv 2106.09685). Everything else in ``module`` is frozen.
    Right after it the outputs are those of the model without adapters. A
    linear layer ``q_proj`` keeps its weight as ``q_proj.base_layer.weight``
    beside ``q_proj.lora_A.default.weight`` and ``lora_B``; a state dict
    without adapters loads as it is.

    Args:
        module (nn.Module): A transformers model, changed in place.
        cfg (dict): Arguments of peft's ``LoraConfig``. ``r`` (int) is
            needed; ``lora_alpha`` defaults to ``2 * r``, as in RSUniVLM's
            Table 8 (128 and 256), ``target_modules`` to 'all-linear': every
            linear layer but the output head. Also ``lora_dropout`` (0),
            ``use_rslora``, ``use_dora``, ``exclude_modules``, ...

    Raises:
        ConfigError: If peft is not installed, ``r`` is absent, an argument
            unknown, or no layer is of the given names.
    """
    peft = _peft()
    options = dict(cfg)
    if 'r' not in options:
        raise ConfigError(f'lora={cfg}: give the rank `r`, e.g. 128')
    options.setdefault('lora_alpha', 2 * options['r'])
    options.setdefault('target_modules', 'all-linear')
    if list(lora_layers(module)):
        raise ConfigError('the model has LoRA layers already')
    try:
        peft.inject_adapter_in_model(
            peft.LoraConfig(**options), module, adapter_name=_ADAPTER)
    except (TypeError, ValueError) as error:
        raise ConfigError(f'lora={cfg}: {error}') from None
    for layer in lora_layers(module).values():
        layer._register_load_state_dict_pre_hook(_name_base_layer)


def lora_layers(module: nn.Module) -> dict[str, nn.Module]:
    """The layers with adapters inside ``module``, by name."""
    return {name: layer for name, layer in module.named_modules()
            if hasattr(layer, 'lora_A') and hasattr(layer, 'base_layer')}


def merge_lora(module: nn.Module) -> int:
    """Add the adapters to the weights and take them out, in place.

    Afterwards the model is one without adapters, of equal outputs, and
    cheaper; parameters keep whether they are trained.

    Args:
        module (nn.Module): Holds what :func:`add_lora` made, at any depth.

    Returns:
        int: How many layers were merged; 0 where there were no adapters.
    """
    layers = lora_layers(module)
    for name, layer in layers.items():
        layer.merge()
        parent, _, child = name.rpartition('.')
        setattr(module.get_submodule(parent), child, layer.get_base_layer())
    return len(layers)


def _name_base_layer(state_dict: dict, prefix: str, *args: Any) -> None:
    """Let a layer with adapters read the weight of one without."""
    for name in ('weight', 'bias'):
        if prefix + name in state_dict:
            state_dict[f'{prefix}base_layer.{name}'] = state_dict.pop(
                prefix + name)


def _peft() -> Any:
    try:
        import peft
    except ImportError:
        raise ConfigError('LoRA needs peft: install it with '
                          "`pip install 'peft>=0.21'`") from None
    return peft
