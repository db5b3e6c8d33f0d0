# Copyright (c) mmeo contributors. All rights reserved.
"""From a config to the same config on corrupted test images."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Optional

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process

from mmeo.datasets.transforms.corrupt import corrupt_coco, is_geometric
from mmeo.errors import ConfigError


def corrupted(cfg: Config,
              corruption: str,
              severity: int,
              seed: int = 0,
              outside: str = 'keep',
              value_range: Optional[float] = None) -> Config:
    """A copy of a config whose test images, and objects, are corrupted.

    ``Corrupt`` goes right behind the loading of the image. Where a metric
    reads its ground truth from a COCO file, geometric corruptions get a file
    of their own in the work dir.

    Args:
        cfg (Config): With ``test_dataloader`` and ``test_evaluator``.
        corruption (str): See ``Corrupt``.
        severity (int): 1 to 5.
        seed (int): Defaults to 0.
        outside (str): See ``Corrupt``. Defaults to 'keep'.
        value_range (float, optional): See ``Corrupt``.

    Raises:
        ConfigError: If the pipeline or the evaluator rules it out.
    """
    # `Config.copy` is shallow, and corruptions would pile up.
    cfg = deepcopy(cfg)
    cfg.work_dir = str(Path(cfg.work_dir) / f'{corruption}-{severity}')
    transform = dict(
        type='mmeo.Corrupt', corruption=corruption, severity=severity,
        seed=seed, outside=outside, value_range=value_range)
    found = 0
    for dataset in _with_pipelines(cfg.test_dataloader.dataset):
        dataset['pipeline'] = insert(dataset['pipeline'], transform,
                                     cfg.filename)
        found += 1
    if not found:
        raise ConfigError(f'{cfg.filename}: the test dataset has no '
                          '`pipeline` to put the corruption into.')
    if is_geometric(corruption):
        _move_files(cfg, corruption, severity, seed, outside)
    return cfg


def insert(pipeline: list, transform: dict, source: Any = None) -> list:
    """Put a corruption behind the transform that loads the image.

    Raises:
        ConfigError: If none loads a single image, or labels are loaded that
            the corruption cannot move.
    """
    names = [str(step['type']).rsplit('.', 1)[-1] for step in pipeline]
    loads = [i for i, name in enumerate(names)
             if name.startswith('Load') and 'Annotations' not in name]
    if not loads or names[loads[0]] == 'LoadChangePair':
        raise ConfigError(
            f'{source}: no transform of the test pipeline '
            f'({", ".join(names)}) loads a single image, behind which the '
            'corruption belongs.')
    if is_geometric(transform['corruption']) and 'Seg' in names[-1]:
        raise ConfigError(
            f'{source}: {transform["corruption"]} moves objects, and label '
            'maps are loaded too late to move along. Segmentation can be '
            'tested under the nine corruptions of appearance: name them with '
            '--corruptions.')
    at = loads[0] + 1
    return [*pipeline[:at], transform, *pipeline[at:]]


def _with_pipelines(dataset: dict) -> Iterator[dict]:
    """The datasets inside wrappers."""
    if 'pipeline' in dataset:
        yield dataset
    for inner in ([dataset['dataset']] if 'dataset' in dataset else
                  dataset.get('datasets', [])):
        yield from _with_pipelines(inner)


def _move_files(cfg: Config, corruption: str, severity: int, seed: int,
                outside: str) -> None:
    """Point metrics at annotation files whose objects have moved."""
    evaluators = cfg.test_evaluator
    if isinstance(evaluators, dict):
        evaluators = [evaluators]
    for number, evaluator in enumerate(evaluators):
        source = evaluator.get('ann_file')
        if not source:
            continue
        target = Path(cfg.work_dir) / f'annotations_{number}.json'
        if is_main_process():
            target.parent.mkdir(parents=True, exist_ok=True)
            corrupt_coco(source, str(target), corruption, severity, seed,
                         outside)
        barrier()
        evaluator['ann_file'] = str(target)
