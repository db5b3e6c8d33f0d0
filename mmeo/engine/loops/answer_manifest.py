# Copyright (c) mmeo contributors. All rights reserved.
"""What answers depend on, so that no two kinds are mixed."""

import hashlib
import json
from typing import Any, Optional

import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from torch import nn

from mmeo.benchmarks.run_record import (
    config_name,
    describe_checkpoint,
    file_sha256,
)

SCHEMA = 'mmeo/answers/1'
_SAMPLED = 64  # values of each tensor that go into the digest of weights


def make_manifest(cfg: Config, model: nn.Module, dataset: Any,
                  dtype: Optional[str]) -> dict[str, Any]:
    """Put a manifest together.

    The settings are those of the model, the test set with its pipeline, the
    seed and ``dtype``. What only changes speed is left out, and so is
    ``batch_size``: one that was too large for the memory may be lowered
    half-way, which moves answers by rounding at most. The metrics are left
    out as well: answers can be scored again by others.

    Args:
        cfg (Config): Of the run.
        model (nn.Module): With its weights.
        dataset (Any): The test set.
        dtype (str, optional): Of the weights while they answer.

    Returns:
        dict: JSON; see :data:`mmeo.evaluation.answer_store.COMPARED`.
    """
    loader = cfg.get('test_dataloader') or {}
    settings = dict(model=cfg.get('model'), dataset=loader.get('dataset'),
                    randomness=cfg.get('randomness'), dtype=dtype)
    text = json.dumps(settings, sort_keys=True, default=str)
    checkpoint = describe_checkpoint(cfg.get('load_from'))
    return dict(
        schema=SCHEMA,
        config=config_name(cfg.filename),
        settings_sha256=hashlib.sha256(text.encode()).hexdigest(),
        checkpoint=checkpoint['path'],
        checkpoint_sha256=checkpoint.get('sha256'),
        weights_sha256=weights_digest(model),
        annotations=[dict(file=file, sha256=file_sha256(file))
                     for file in annotation_files(dataset)],
        samples=len(dataset))


def weights_digest(model: nn.Module) -> str:
    """Hash over names, shapes and 64 values, evenly spaced, of each weight.

    It tells apart what no file does: random weights, those of a training
    that is still in memory, a ``pretrained`` folder that has changed.
    """
    while is_model_wrapper(model):
        model = model.module
    digest = hashlib.sha256()
    for name, weight in model.state_dict().items():
        flat = weight.detach().reshape(-1)
        values = flat[::max(1, flat.numel() // _SAMPLED)][:_SAMPLED]
        digest.update(f'{name} {tuple(weight.shape)}'.encode())
        digest.update(values.to('cpu', torch.float64).numpy().tobytes())
    return digest.hexdigest()


def annotation_files(dataset: Any) -> list[str]:
    """The files that a dialogue test set is read from, wrappers opened."""
    parts = getattr(dataset, 'datasets', None) or [
        getattr(dataset, 'dataset', None)]
    if parts != [None]:
        return sorted({file for part in parts
                       for file in annotation_files(part)})
    return sorted({source.ann_file
                   for source in getattr(dataset, 'sources', ())})
