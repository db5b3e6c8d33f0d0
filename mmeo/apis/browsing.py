# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures of what a config feeds its model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope

from mmeo.apis.config import ConfigLike, load_config
from mmeo.errors import ConfigError
from mmeo.registry import DATASETS
from mmeo.utils import import_siblings


def build_dataset(cfg: Config, split: str = 'train') -> Any:
    """The dataset of a split, as its dataloader would build it."""
    loader = cfg.get(f'{split}_dataloader')
    if loader is None:
        raise ConfigError(f'{cfg.filename} has no `{split}_dataloader`.')
    import_siblings(str(cfg))
    if DefaultScope.get_current_instance() is None:
        init_default_scope(cfg.get('default_scope', 'mmeo'))
    with DefaultScope.overwrite_default_scope(
            cfg.get('default_scope', 'mmeo')):
        dataset = DATASETS.build(loader.dataset)
    if hasattr(dataset, 'full_init'):
        dataset.full_init()
    return dataset


def browse(config: ConfigLike,
           output_dir: str,
           number: int = 8,
           split: str = 'train',
           bands: Optional[Sequence[int]] = None,
           cfg_options: Optional[dict] = None,
           seed: int = 0) -> list[Path]:
    """Write pictures of samples after the whole pipeline.

    Args:
        config (str | Path | Config): Whose data is drawn.
        output_dir (str): Folder for ``<split>_<index>_<name>.png``.
        number (int): So many samples, spread evenly. Defaults to 8.
        split (str): ``'train'``, ``'val'`` or ``'test'``. Defaults to
            'train'.
        bands (Sequence[int], optional): Channels shown as red, green, blue,
            from 0. Defaults to the first three.
        cfg_options (dict, optional): Dotted config keys to override.
        seed (int): For random augmentation. Defaults to 0.

    Returns:
        list[Path]: The pictures.
    """
    from mmcv import imwrite
    from mmengine.runner import set_random_seed

    from mmeo.visualization.samples import draw_sample
    cfg = load_config(config, cfg_options)
    set_random_seed(seed)
    dataset = build_dataset(cfg, split)
    bgr = bool(_find(cfg.get('model', {}), 'bgr_to_rgb'))
    if not len(dataset):
        raise ConfigError(f'{cfg.filename}: the {split} dataset is empty; '
                          'check its `data_root`.')
    number = min(number, len(dataset))
    files = []
    for index in np.linspace(0, len(dataset) - 1, number).round().astype(int):
        packed = dataset[int(index)]
        picture = draw_sample(packed, getattr(dataset, 'metainfo', None), bgr,
                              bands, _tokenizer(dataset))
        name = _name(packed.get('data_samples'))
        file = Path(output_dir) / f'{split}_{index:05d}{name}.png'
        imwrite(picture[..., ::-1], str(file))
        files.append(file)
    return files


def _find(node: Any, key: str) -> Any:
    """The first value of ``key`` anywhere below ``node``."""
    if isinstance(node, dict):
        if key in node:
            return node[key]
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            value = _find(child, key)
            if value is not None:
                return value
    return None


def _tokenizer(dataset: Any) -> Any:
    """The tokenizer of the pipeline, behind any wrapper of datasets."""
    for inner in getattr(dataset, 'datasets', [dataset]):
        inner = getattr(inner, 'dataset', inner)
        pipeline = getattr(inner, 'pipeline', None)
        for transform in getattr(pipeline, 'transforms', []):
            if getattr(transform, 'tokenizer', None) is not None:
                return transform.tokenizer
    return None


def _name(sample: Any) -> str:
    path = getattr(sample, 'img_path', None)
    if path is None:
        path = next(iter(getattr(sample, 'img_paths', None) or []), None)
    return f'_{Path(str(path)).stem}' if path else ''
