# Copyright (c) mmeo contributors. All rights reserved.
"""From a model trained with LoRA to a checkpoint without adapters."""

import io
from pathlib import Path
from typing import Union

import torch
from mmengine.registry import init_default_scope

from mmeo.apis.checkpoint import load_into, read_checkpoint
from mmeo.apis.config import ConfigLike, load_config
from mmeo.errors import CheckpointError, ConfigError
from mmeo.registry import MODELS


def merge_adapters(config: ConfigLike,
                   checkpoint: Union[str, Path],
                   out: Union[str, Path],
                   trust: bool = False) -> int:
    """Write the dense model of equal outputs.

    Args:
        config (str | Path | Config): What the checkpoint was trained with;
            its model has LoRA.
        checkpoint (str | Path): Of that run.
        out (str | Path): ``*.pth``, for configs without LoRA. It keeps what
            the checkpoint says about its data (``VLMManifestHook``).
        trust (bool): See :func:`~mmeo.apis.checkpoint.read_checkpoint`.
            Defaults to False.

    Returns:
        int: How many layers were merged.

    Raises:
        ConfigError: If the config's model has no LoRA.
        CheckpointError: If the checkpoint does not fit it, or ``out`` is of
            another kind.
    """
    # Imported here: it pulls in all models.
    from mmeo.models.vlm.lora import merge_lora

    if Path(out).suffix != '.pth':
        raise CheckpointError(f'{out}: give a name that ends in .pth')
    cfg = load_config(config)
    init_default_scope(cfg.get('default_scope', 'mmeo'))
    model = MODELS.build(cfg.model)
    found = read_checkpoint(str(checkpoint), trust)
    load_into(model, found, str(checkpoint), complete=True)
    merged = merge_lora(model)
    if not merged:
        raise ConfigError(f'{cfg.filename}: the model has no LoRA layers, so '
                          'there is nothing to merge')
    meta = {key: value for key, value in found.get('meta', {}).items()
            if key == 'vlm'}
    _write(dict(state_dict=model.state_dict(), meta=meta), Path(out))
    return merged


def _write(checkpoint: dict, path: Path) -> None:
    # As checkpoints of a run: whole or absent.
    from mmeo.engine.hooks.checkpoint_hook import write_atomic
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    write_atomic(buffer.getbuffer(), path)
