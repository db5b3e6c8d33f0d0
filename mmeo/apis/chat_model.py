# Copyright (c) mmeo contributors. All rights reserved.
"""A dialogue model and the way its images and words are prepared."""

from collections.abc import Iterator, Mapping
from typing import Any, Optional

import torch
from mmengine.config import Config
from torch import nn

from mmeo.apis.checkpoint import load_into, read_checkpoint
from mmeo.builder import build
from mmeo.errors import ConfigError
from mmeo.registry import TRANSFORMS
from mmeo.utils import import_siblings

from .prompt_model import ModelLike, find_config

_SECTIONS = ('test_dataloader', 'val_dataloader', 'train_dataloader')
_PACK = ('tokenizer', 'template', 'system', 'tokens_per_tile', 'max_seq_len')


def load_chat_model(model: ModelLike, weights: Optional[str] = None,
                    device: Optional[str] = None,
                    dtype: Optional[str] = None, trust: bool = False,
                    cfg_options: Optional[dict] = None
                    ) -> tuple[nn.Module, Config]:
    """Build an ``InstructVLM``, or take one, ready to answer.

    Args:
        model: See :func:`~mmeo.apis.prompt_model.find_config`.
        weights (str, optional): Checkpoint; every parameter must be in it.
        device (str, optional): Defaults to the GPU, if there is one.
        dtype (str, optional): 'bfloat16' or 'float16'. Defaults to float32
            on a CPU and bfloat16 on a GPU.
        trust (bool): Unpickle whatever the checkpoint holds.
        cfg_options (dict, optional): Dotted config keys to override.

    Raises:
        ConfigError: If there is no such config, or neither a module nor
            weights.
        CheckpointError: If the weights do not fit.
    """
    if isinstance(model, nn.Module):
        cfg = getattr(model, 'cfg', None)
        cfg = Config(dict(model={})) if cfg is None else Config(dict(cfg))
    else:
        cfg = find_config(model, cfg_options, 'rsunivlm')
        if weights is None:
            raise ConfigError(
                f'{cfg.filename or "the config"}: no weights were given, and '
                'a model of random weights answers nothing. Give a '
                'checkpoint (--weights), or a module that you built.')
        import_siblings(cfg.pretty_text)
        model = build(cfg.model)
    if not hasattr(model, 'token_drop'):
        raise ConfigError(f'{type(model).__name__} holds no dialogue: use a '
                          'config of `InstructVLM`.')
    if weights is not None:
        load_into(model, read_checkpoint(str(weights), trust), str(weights),
                  cfg.get('load_exclude', ()), complete=True)
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if dtype is None:
        dtype = 'bfloat16' if str(device).startswith('cuda') else 'float32'
    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype) or not kind.is_floating_point:
        raise ConfigError(f'dtype={dtype!r} is none of bfloat16, float16, '
                          'float32')
    return model.to(device, kind).eval(), cfg


def chat_transforms(cfg: Mapping, tokenizer: Any = None) -> tuple[Any, Any]:
    """The transforms that show images and render words, as in training.

    Args:
        cfg (Mapping): The model's config, with a pipeline that has
            ``ImageViews`` (or ``DynamicTiling``) and ``PackDialogue``.
        tokenizer (Any, optional): In place of the pipeline's.

    Returns:
        tuple: The view transform, and ``PackDialogue`` for generation.

    Raises:
        ConfigError: If the config has no such pipeline.
    """
    steps = {step['type'].rsplit('.', 1)[-1]: dict(step)
             for step in reversed(list(_steps(cfg)))}
    views = steps.get('ImageViews') or steps.get('DynamicTiling')
    pack = steps.get('PackDialogue')
    if views is None or pack is None:
        raise ConfigError(
            'the config has no pipeline with `ImageViews` (or '
            '`DynamicTiling`) and `PackDialogue`, which say how images and '
            'words are shown to the model: give a config with a data loader')
    pack = {key: pack[key] for key in _PACK if key in pack}
    pack.update(type='PackDialogue', generation=True, task_rounds='any')
    if tokenizer is not None:
        pack['tokenizer'] = tokenizer
    return TRANSFORMS.build(views), TRANSFORMS.build(pack)


def _steps(cfg: Mapping) -> Iterator[Mapping]:
    """Transforms of all data loaders, the first sections first."""
    for section in _SECTIONS:
        dataset = (cfg.get(section) or {}).get('dataset') or {}
        for part in (dataset, *(dataset.get('datasets') or ())):
            yield from part.get('pipeline') or ()
