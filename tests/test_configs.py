# Copyright (c) mmeo contributors. All rights reserved.
"""Every config in the repository builds, and says so when data is missing."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, init_default_scope

import mmeo  # noqa: F401
from mmeo.errors import MissingDataError

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted(
    str(path.relative_to(ROOT)) for folder in ('configs', 'projects')
    for path in (ROOT / folder).rglob('*.py') if '_base_' not in path.parts
    and (folder == 'configs' or 'configs' in path.parts))


def datasets_of(cfg: Config) -> dict[str, dict]:
    """The dataset section of each loader, wrappers opened."""
    found = {}
    for name in ('train', 'val', 'test'):
        dataset = (cfg.get(f'{name}_dataloader') or {}).get('dataset')
        while dataset and 'dataset' in dataset:
            dataset = dataset['dataset']
        if dataset:
            found[name] = dataset
    return found


def test_there_are_configs() -> None:
    assert len(CONFIGS) >= 6


@pytest.mark.parametrize('path', CONFIGS)
def test_model_and_optimizer_build(path: str) -> None:
    cfg = Config.fromfile(ROOT / path)
    init_default_scope(cfg.get('default_scope', 'mmeo'))
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters > 10_000
    if not cfg.get('train_dataloader'):  # a model that brings its weights
        assert not {'optim_wrapper', 'train_cfg'} & set(cfg)
        assert cfg.test_dataloader and cfg.test_evaluator and cfg.test_cfg
        return
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    grouped = {id(p) for group in wrapper.optimizer.param_groups
               for p in group['params']}
    trainable = {id(p) for p in model.parameters() if p.requires_grad}
    assert trainable <= grouped


@pytest.mark.parametrize('path', CONFIGS)
def test_missing_data_is_named(path: str, tmp_path: Path) -> None:
    cfg = Config.fromfile(ROOT / path)
    init_default_scope(cfg.get('default_scope', 'mmeo'))
    sections = datasets_of(cfg)
    assert sections
    for dataset in sections.values():
        dataset = dict(dataset, data_root=str(tmp_path / 'nowhere'))
        with DATASETS.switch_scope_and_registry(None) as registry:
            cls = registry.get(dataset['type'])
        ours = cls.__module__.startswith('mmeo')
        with pytest.raises(
                # stock mmrotate raises a ValueError
                MissingDataError if ours else (FileNotFoundError, ValueError),
                match='nowhere'):
            DATASETS.build(dataset)


def test_metafiles_name_existing_configs() -> None:
    index = load(ROOT / 'model-index.yml')
    assert index['Import']
    for path in index['Import']:
        metafile = load(ROOT / path)
        names = {entry['Name'] for entry in metafile['Collections']}
        for entry in metafile['Collections']:
            assert (ROOT / entry['README']).is_file()
        for model in metafile['Models']:
            config = ROOT / model['Config']
            assert config.is_file() and config.stem == model['Name']
            assert model['In Collection'] in names
