# Copyright (c) mmeo contributors. All rights reserved.
"""Train any config on shares of its training set (ViTP, Table 15)."""

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Optional

from mmengine.config import Config, ConfigDict

from mmeo.apis.browsing import build_dataset
from mmeo.apis.checkpoint import latest_checkpoint
from mmeo.apis.config import ConfigLike, load_config
from mmeo.apis.testing import test
from mmeo.apis.training import train
from mmeo.errors import ConfigError

PAPER_FRACTIONS = (0.02, 0.05, 0.1, 0.2, 1.0)


def share_config(config: ConfigLike, fraction: float, seed: int = 0,
                 stratify: bool = False,
                 epochs: Optional[int] = None) -> Config:
    """A copy of a config that trains on a share of its data.

    Args:
        config (str | Path | Config): Any training config.
        fraction (float): In (0, 1].
        seed (int): Of the choice, see ``SubsetDataset``. Defaults to 0.
        stratify (bool): Likewise. Defaults to False.
        epochs (int, optional): Train so many, decay steps scaled along; the
            paper takes 36 instead of 12. Defaults to the config's schedule.

    Raises:
        ConfigError: If there is nothing to train on, or ``epochs`` is given
            to a config that counts iterations.
    """
    cfg = deepcopy(load_config(config))  # its own copy is shallow
    if cfg.get('train_dataloader') is None:
        raise ConfigError(f'{cfg.filename} has no `train_dataloader` to take '
                          'a share of.')
    for holder, key in list(_leaves(cfg.train_dataloader, 'dataset')):
        holder[key] = ConfigDict(
            type='mmeo.SubsetDataset', fraction=fraction, seed=seed,
            stratify=stratify, dataset=holder[key])
    if epochs is not None:
        _set_epochs(cfg, epochs)
    return cfg


def _leaves(holder: Any, key: Any) -> Iterator[tuple[Any, Any]]:
    """Where the datasets proper sit, below repetition and concatenation."""
    node = holder[key]
    if 'datasets' in node:
        for index in range(len(node['datasets'])):
            yield from _leaves(node['datasets'], index)
    elif 'dataset' in node:
        yield from _leaves(node, 'dataset')
    else:
        yield holder, key


def _set_epochs(cfg: Config, epochs: int) -> None:
    before = cfg.train_cfg.get('max_epochs')
    if before is None:
        raise ConfigError(f'{cfg.filename} counts iterations, so its schedule '
                          'is the same for any share: leave --epochs out.')
    cfg.train_cfg.max_epochs = epochs
    cfg.train_cfg.val_interval = epochs
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in ([schedulers] if isinstance(schedulers, dict)
                      else schedulers):
        if not scheduler.get('by_epoch', True):
            continue
        for key in ('begin', 'end', 'T_max'):
            if key in scheduler:
                scheduler[key] = round(scheduler[key] * epochs / before)
        if 'milestones' in scheduler:
            scheduler['milestones'] = [
                round(each * epochs / before)
                for each in scheduler['milestones']]


def write_subsets(config: ConfigLike, out: str,
                  fractions: Sequence[float] = PAPER_FRACTIONS, seed: int = 0,
                  stratify: bool = False) -> list[Path]:
    """Write the names of the images of each share.

    Args:
        config (str | Path | Config): Whose training set.
        out (str): Folder for ``subset_<percent>_seed<seed>.txt``.
        fractions (Sequence[float]): Defaults to the paper's.
        seed (int): Defaults to 0.
        stratify (bool): Defaults to False.

    Returns:
        list[Path]: The files.
    """
    files = []
    for fraction in fractions:
        cfg = share_config(config, fraction, seed, stratify)
        if len(list(_subsets(cfg.train_dataloader.dataset))) != 1:
            raise ConfigError(f'{cfg.filename} trains on several datasets: '
                              'write the subsets of each on its own.')
        cfg.train_dataloader.dataset = next(
            _subsets(cfg.train_dataloader.dataset))
        dataset = build_dataset(cfg, 'train')
        files.append(dataset.write_names(
            str(Path(out) / f'subset_{_percent(fraction)}_seed{seed}.txt')))
    return files


def _subsets(node: dict) -> Iterator[dict]:
    if node['type'] == 'mmeo.SubsetDataset':
        yield node
        return
    for inner in node.get('datasets', [node.get('dataset')]):
        if inner is not None:
            yield from _subsets(inner)


def _percent(fraction: float) -> str:
    return f'{100 * fraction:06.2f}'.rstrip('0').rstrip('.') + 'pct'


def run_low_data(config: ConfigLike, work_dir: str,
                 fractions: Sequence[float] = PAPER_FRACTIONS, seed: int = 0,
                 stratify: bool = False, epochs: Optional[int] = None,
                 cfg_options: Optional[dict] = None) -> Path:
    """Train and test on every share, smallest first.

    A finished share is not run again, and an interrupted one resumes. Each
    share has its own folder with its config, which ``tools/dist_train.sh``
    takes as well.

    Args:
        config (str | Path): Any training config.
        work_dir (str): Folder for one run a share, and ``low_data.json``.
        fractions (Sequence[float]): Defaults to the paper's.
        seed (int): Of the choice and of the training. Defaults to 0.
        stratify (bool): Defaults to False.
        epochs (int, optional): See :func:`share_config`.
        cfg_options (dict, optional): Dotted config keys to override.

    Returns:
        Path: ``low_data.json``: config, and per share its metrics.
    """
    root = Path(work_dir)
    file = root / 'low_data.json'
    for fraction in sorted(fractions):
        cfg = share_config(load_config(config, cfg_options), fraction, seed,
                           stratify, epochs)
        kind = '_stratified' if stratify else ''
        folder = root / f'{_percent(fraction)}_seed{seed}{kind}'
        cfg.work_dir = str(folder)
        share = _write_config(folder / 'share.py', cfg)
        result = folder / 'test' / 'test_metrics.json'
        if not result.is_file():
            train(str(share), str(folder), resume='auto', seed=seed)
            checkpoint = latest_checkpoint(str(folder), trust=True)
            test(str(share), checkpoint, str(folder / 'test'))
        _collect(file, str(config), fraction, seed, stratify,
                 json.loads(result.read_text())['metrics'])
    return file


def _write_config(file: Path, cfg: Config) -> Path:
    """Write a share's config, unless its run was begun with another."""
    if file.is_file() and Config.fromfile(file).to_dict() != \
            Config.fromstring(cfg.pretty_text, '.py').to_dict():
        raise ConfigError(f'{file} is of a run with other settings (epochs, '
                          'options, config): choose another --work-dir, or '
                          f'remove {file.parent}.')
    file.parent.mkdir(parents=True, exist_ok=True)
    cfg.dump(file)
    return file


def _collect(file: Path, config: str, fraction: float, seed: int,
             stratify: bool, metrics: dict) -> None:
    data = (json.loads(file.read_text()) if file.is_file() else
            dict(schema='mmeo/low-data/1', config=config, runs=[]))
    if data['config'] != config:
        raise ConfigError(f'{file} holds results of {data["config"]}, not of '
                          f'{config}: choose another --work-dir.')
    key = dict(fraction=fraction, seed=seed, stratify=stratify)
    data['runs'] = [run for run in data['runs']
                    if {name: run[name] for name in key} != key]
    data['runs'].append({**key, 'metrics': metrics})
    data['runs'].sort(key=lambda run: (run['fraction'], run['seed']))
    file.write_text(json.dumps(data, indent=1) + '\n')
