# Copyright (c) mmeo contributors. All rights reserved.
"""Train in-context models over several seeds and measure them."""

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from mmengine.config import Config
from mmengine.runner import Runner, TestLoop

from mmeo.apis.checkpoint import latest_checkpoint
from mmeo.apis.config import load_config
from mmeo.apis.training import train
from mmeo.errors import ConfigError, MissingDataError

SCHEMA = 'mmeo/in-context/1'
RECORD = 'scores.json'


def run_in_context(variants: Mapping[str, str], seeds: Sequence[int],
                   domains: Mapping[str, str], work_dir: str,
                   encoder: Optional[str] = None,
                   cfg_options: Optional[dict] = None) -> list[Path]:
    """Train and measure; what is finished is not done again.

    An interrupted training goes on from its last checkpoint.

    Args:
        variants (dict[str, str]): Name -> training config, which has
            ``tests``, see :func:`measure`.
        seeds (Sequence[int]): Of weights and training.
        domains (dict[str, str]): Name -> SynthEarth with ``incontext``. The
            first is the one trained on.
        work_dir (str): Folder for ``<variant>/seed<k>/``.
        encoder (str, optional): Checkpoint that all start from. Defaults to
            None, the config's ``load_from``.
        cfg_options (dict, optional): Dotted config keys to override.

    Returns:
        list[Path]: The files ``scores.json``.
    """
    files = []
    for seed in seeds:
        for name, config in variants.items():
            folder = Path(work_dir, name.replace(' ', '-'), f'seed{seed}')
            file = folder / RECORD
            files.append(file)
            if file.is_file():
                continue
            cfg = load_config(config, cfg_options)
            root = next(iter(domains.values()))
            cfg.train_dataloader.dataset.data_root = root
            cfg.test_dataloader = moved(cfg.test_dataloader, root)
            cfg.load_from = encoder or cfg.get('load_from')
            runner = train(cfg, str(folder), resume='auto', seed=seed)
            scores = measure(runner, cfg, domains)
            _write(file, dict(
                schema=SCHEMA, variant=name, seed=seed, config=str(config),
                options=cfg_options or {}, domains=dict(domains),
                scores=scores))
    return files


def train_encoder(config: str, data_root: str, work_dir: str,
                  cfg_options: Optional[dict] = None) -> str:
    """Train the encoder that all runs start from, unless it is there.

    Args:
        config (str): Training config.
        data_root (str): SynthEarth with ``incontext``.
        work_dir (str): The encoder's folder.
        cfg_options (dict, optional): Dotted config keys to override.

    Returns:
        str: Its checkpoint.
    """
    cfg = load_config(config, cfg_options)
    cfg.train_dataloader.dataset.data_root = data_root
    last = Path(work_dir, f'iter_{cfg.train_cfg.max_iters}.pth')
    if not last.is_file():
        train(cfg, work_dir, resume='auto', seed=0)
    return str(last)


def find_encoder(work_dir: str) -> str:
    """The checkpoint that :func:`train_encoder` made.

    Raises:
        MissingDataError: If there is none.
    """
    found = latest_checkpoint(work_dir, trust=True)
    if found is None:
        raise MissingDataError(f'{work_dir} holds no encoder: run `run.py '
                               'encoder` first, once for all seeds.')
    return found


def measure(runner: Runner, cfg: Config, domains: Mapping[str, str]
            ) -> dict[str, dict[str, float]]:
    """Test the model of a runner in each domain, sensor by sensor.

    Args:
        runner (Runner): After training.
        cfg (Config): ``tests``, name -> dataloader of an
            ``InContextTestDataset`` on SynthEarth, and ``test_evaluator``.
        domains (dict[str, str]): Name -> SynthEarth.

    Returns:
        dict[str, dict[str, float]]: ``{domain}/{test}`` -> the metrics.

    Raises:
        ConfigError: If the config has no ``tests``.
    """
    if not cfg.get('tests'):
        raise ConfigError(f'{cfg.filename} has no `tests`, the dataloaders by '
                          'name that a run is measured on.')
    scores = {}
    for domain, root in domains.items():
        for name, loader in cfg.tests.items():
            loop = TestLoop(runner, moved(loader, root),
                            copy.deepcopy(cfg.test_evaluator))
            scores[f'{domain}/{name}'] = {
                key: float(value) for key, value in loop.run().items()}
    return scores


def moved(loader: Mapping, root: str) -> dict:
    """A dataloader whose targets and examples come from another SynthEarth.

    Args:
        loader (dict): Of an ``InContextTestDataset``.
        root (str): The SynthEarth.
    """
    loader = copy.deepcopy(loader)
    loader['dataset']['dataset']['data_root'] = f'{root}/val/incontext'
    loader['dataset']['exemplars']['data_root'] = f'{root}/train/incontext'
    return loader


def _write(path: Path, record: dict) -> None:
    """Whole or not at all: what is there counts as finished."""
    part = path.with_suffix('.part')
    part.write_text(json.dumps(record, indent=1) + '\n')
    part.replace(path)


__all__ = ['RECORD', 'SCHEMA', 'find_encoder', 'measure', 'moved',
           'run_in_context', 'train_encoder']
