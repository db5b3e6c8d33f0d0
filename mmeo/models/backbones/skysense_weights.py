# Copyright (c) mmeo contributors. All rights reserved.
"""Loading a SkySenseV2 backbone from a checkpoint of mmeo."""

from collections.abc import Mapping
from typing import Any

from mmengine.logging import MMLogger
from torch import Tensor, nn

from mmeo import weights
from mmeo.errors import CheckpointError

from ..layers import MLP, MoEFFN

_OWN = ('tokenizers.', 'prompts.')  # what a sensor has to itself


def load_backbone(model: nn.Module, path: str, prefix: str = '',
                  trust: bool = False) -> None:
    """Load all that the file and the backbone have in common.

    The rest must be explained: sensors that only one side knows, norms of
    maps that are not returned. Dense blocks fill each expert of a
    mixture-of-experts block (sparse upcycling). All is logged.

    Args:
        model (SkySenseV2): To load into.
        path (str): A backbone, or a model of mmeo that has just one.
        prefix (str): In front of the backbone's names in the file, e.g.
            ``'teacher.backbone'``. Defaults to ``''``, searched.
        trust (bool): See :func:`mmeo.weights.load`. Defaults to False.

    Raises:
        CheckpointError: If the file holds none or several backbones, or one
            that does not fit.
    """
    state = _backbone_state(weights.unwrap(weights.load(path, trust=trust)),
                            path, prefix)
    _fit_tokenizers(model, state, path)
    upcycled = _upcycle(model, state)
    wanted = {k: v.shape for k, v in model.state_dict().items()
              if not k.startswith(tuple(upcycled))}
    known = set(model.modalities)
    fresh = [k for k in wanted if k not in state and _sensor(k)]
    missing = sorted(set(wanted) - set(state) - set(fresh))
    extra = [k for k in state if k not in wanted
             and not k.startswith('norms.')
             and not (_sensor(k) and _sensor(k) not in known)]
    wrong = [f'{k} {tuple(state[k].shape)} instead of {tuple(shape)}'
             for k, shape in wanted.items()
             if k in state and state[k].shape != shape]
    if missing or extra or wrong:
        raise CheckpointError(
            f'{path} does not fit this SkySenseV2: '
            f'{_some("missing", missing)}{_some("not in the model", extra)}'
            f'{_some("of another shape", wrong)}set `arch`, `apm_share`, '
            '`moe`, `pos` and `num_prompt_tokens` to those of the file.')
    model.load_state_dict({k: state[k] for k in wanted if k in state},
                          strict=False)
    unused = sorted(set(state) - set(wanted))
    MMLogger.get_current_instance().info(
        'SkySenseV2 from %s: %d tensors loaded%s%s%s', path,
        len(wanted) - len(fresh), _note('start anew', fresh),
        _note('unused', unused), _note('upcycled', upcycled))


def with_dot(prefix: str) -> str:
    """A prefix as mmengine takes it, with its last dot or without."""
    return f'{prefix}.' if prefix and not prefix.endswith('.') else prefix


def _backbone_state(state: Mapping[str, Tensor], path: str,
                    prefix: str) -> dict[str, Tensor]:
    """Tensors of the one backbone, without prefix."""
    found = {key[:at] for key in state
             if (at := f'.{key}'.find('.tokenizers.')) >= 0}
    prefix = with_dot(prefix)
    chosen = found & {prefix} if prefix else found
    if len(chosen) != 1:
        names = ', '.join(sorted(found)) or 'none at all'
        raise CheckpointError(
            f'{path} holds '
            + (f'no SkySenseV2 backbone under {prefix!r}' if prefix else
               f'{"several" if found else "no"} SkySenseV2 backbones')
            + f' (there: {names}): name one by init_cfg.prefix, or extract '
            'it with tools/model_converters/extract_backbone.py.')
    prefix = chosen.pop()
    return {k[len(prefix):]: v for k, v in state.items()
            if k.startswith(prefix)}


def _fit_tokenizers(model: nn.Module, state: dict[str, Tensor],
                    path: str) -> None:
    """Spread stored kernels over other numbers of bands, in place."""
    for name, spec in model.modalities.items():
        key = f'tokenizers.{name}.projection.weight'
        if key in state:
            try:
                state[key] = weights.fit_bands(
                    state[key], spec['in_channels'], model.band_init)
            except CheckpointError as error:
                raise CheckpointError(f'{path}: {key}: {error}') from error


def _upcycle(model: nn.Module, state: dict[str, Any]) -> list[str]:
    """Fill experts from dense blocks; prefixes of the filled modules."""
    filled = []
    for name, module in model.named_modules():
        dense = f'{name}.fc1.weight'
        if not isinstance(module, MoEFFN) or dense not in state:
            continue
        hidden, dims = state[dense].shape
        mlp = MLP(dims, hidden)
        mlp.load_state_dict({
            key: state.pop(f'{name}.{key}') for key in mlp.state_dict()})
        module.upcycle_(mlp)
        filled.append(f'{name}.')
    return filled


def _sensor(key: str) -> str:
    """Name of the sensor that a tensor belongs to, or ``''``."""
    parts = key.split('.')
    if key.startswith(_OWN):
        return parts[1]
    return parts[3] if parts[0] == 'merges' and parts[2] == 'own' else ''


def _some(what: str, names: list[str]) -> str:
    if not names:
        return ''
    return (f'{len(names)} tensors {what}, such as '
            f'{", ".join(names[:3])}; ')


def _note(what: str, names: list[str]) -> str:
    if not names:
        return ''
    return f', {len(names)} {what} ({", ".join(names[:4])}, ...)'
