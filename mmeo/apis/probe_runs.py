# Copyright (c) mmeo contributors. All rights reserved.
"""Pretrain variants over several seeds, probe each, and make the table."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Optional

from mmengine.config import Config
from mmengine.runner import set_random_seed
from torch import nn

from mmeo.apis.checkpoint import latest_checkpoint
from mmeo.apis.config import load_config
from mmeo.apis.probe import SynthEarthProbe
from mmeo.apis.training import train
from mmeo.builder import build
from mmeo.errors import MissingDataError
from mmeo.models.backbones.skysense_weights import load_backbone

RANDOM = 'random init'
TEACHER = 'teacher.backbone.'


def run_variants(variants: Mapping[str, str], seeds: Sequence[int],
                 data_root: str, work_dir: str,
                 cfg_options: Optional[dict] = None) -> list[Path]:
    """Pretrain and probe; what is finished is not done again.

    An interrupted training goes on from its last checkpoint.

    Args:
        variants (dict[str, str]): Name -> pretraining config;
            :data:`RANDOM` probes that config's backbone untrained.
        seeds (Sequence[int]): Of weights and training.
        data_root (str): SynthEarth.
        work_dir (str): Folder for ``<variant>/seed<k>/``.
        cfg_options (dict, optional): Dotted config keys to override.

    Returns:
        list[Path]: The files ``probe.json``.
    """
    files = []
    for seed in seeds:
        for name, config in variants.items():
            folder = Path(work_dir, name.replace(' ', '-'), f'seed{seed}')
            file = folder / 'probe.json'
            files.append(file)
            if file.is_file():
                continue
            cfg = load_config(config, cfg_options)
            _set_data_root(cfg, data_root)
            backbone = _backbone(cfg, folder, seed, name != RANDOM)
            scores = SynthEarthProbe(data_root).run(backbone)
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(dict(
                schema='mmeo/probe/1', variant=name, seed=seed,
                config=str(config), options=cfg_options or {},
                scores=scores), indent=1) + '\n')
    return files


def _set_data_root(cfg: Config, data_root: str) -> None:
    cfg.train_dataloader.dataset.data_root = data_root
    cfg.model.ita.text_embeddings = f'{data_root}/text_embeddings.safetensors'


def _backbone(cfg: Config, folder: Path, seed: int,
              trained: bool) -> nn.Module:
    """The teacher's backbone, or the untrained one of the same seed."""
    checkpoint = None
    if trained:
        train(cfg, str(folder), resume='auto', seed=seed)
        checkpoint = latest_checkpoint(str(folder), trust=True)
    set_random_seed(seed)
    backbone = build(cfg.model.backbone)
    backbone.init_weights()
    if checkpoint is not None:
        load_backbone(backbone, checkpoint, TEACHER, trust=True)
    return backbone


def probe_table(work_dir: str, order: Sequence[str] = ()) -> str:
    """Mean and standard deviation over seeds of every finished variant.

    Args:
        work_dir (str): Of :func:`run_variants`.
        order (Sequence[str]): Variants that come first. Defaults to (), all
            by name.

    Returns:
        str: A Markdown table.

    Raises:
        MissingDataError: If nothing is finished.
    """
    found: dict[str, list[dict]] = defaultdict(list)
    for file in sorted(Path(work_dir).glob('*/seed*/probe.json')):
        record = json.loads(file.read_text())
        found[record['variant']].append(record['scores'])
    if not found:
        raise MissingDataError(f'{work_dir} holds no */seed*/probe.json: run '
                               '`run.py run` first.')
    rank = {name: place for place, name in enumerate(order)}
    names = sorted(found, key=lambda name: rank.get(name, len(rank)))
    columns = list(found[names[0]][0])
    lines = ['| | ' + ' | '.join(columns) + ' | seeds |',
             '| --- |' + ' --- |' * (len(columns) + 1)]
    for name in names:
        runs = found[name]
        cells = [_cell([run[column] for run in runs]) for column in columns]
        lines.append(f'| {name} | ' + ' | '.join(cells) + f' | {len(runs)} |')
    return '\n'.join(lines)


def _cell(values: Sequence[float]) -> str:
    spread = f' ± {stdev(values):.1f}' if len(values) > 1 else ''
    return f'{mean(values):.1f}{spread}'

