# Copyright (c) mmeo contributors. All rights reserved.
"""Train a model with task tokens in two stages, the second in several ways."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mmengine.config import Config
from mmengine.runner import Runner

from mmeo.apis.checkpoint import latest_checkpoint
from mmeo.apis.config import load_config
from mmeo.apis.training import train
from mmeo.errors import MissingDataError

SCHEMA = 'mmeo/synthearth-vlm/1'
RECORD = 'scores.json'
ALIGN, STAGE_1 = 'align', 'stage 1'
# Stage 2 sees the samples in another order than stage 1 did.
_SECOND = 1000


def run_stages(configs: Mapping[str, str], variants: Mapping[str, str],
               seeds: Sequence[int], data_root: str, work_dir: str,
               cfg_options: Optional[dict] = None) -> list[Path]:
    """Train and measure; what is finished is not done again.

    All variants of a seed start from the same weights of stage 1 and see the
    same samples in the same order. An interrupted training goes on from its
    last checkpoint, an interrupted test begins anew.

    Args:
        configs (Mapping[str, str]): ``ALIGN`` and ``STAGE_1`` -> training
            config; the first is not tested.
        variants (Mapping[str, str]): Name -> config of stage 2.
        seeds (Sequence[int]): Of weights and training.
        data_root (str): SynthEarth with ``rsunivlm``.
        work_dir (str): Folder for ``<variant>/seed<k>/``.
        cfg_options (dict, optional): Dotted config keys to override.

    Returns:
        list[Path]: The files ``scores.json``.
    """
    experiment = _Experiment(data_root, work_dir, cfg_options or {})
    files = []
    for seed in seeds:
        experiment.run(ALIGN, configs[ALIGN], seed, seed)
        files.append(experiment.run(STAGE_1, configs[STAGE_1], seed, seed,
                                    ALIGN))
        files += [
            experiment.run(name, config, seed, seed + _SECOND, STAGE_1)
            for name, config in variants.items()]
    return files


def last_of(work_dir: str, variant: str, seed: int) -> str:
    """Last checkpoint of a run.

    Raises:
        MissingDataError: If there is none.
    """
    folder = folder_of(work_dir, variant, seed)
    found = latest_checkpoint(str(folder), trust=True)
    if found is None:
        raise MissingDataError(f'{folder} holds no checkpoint')
    return found


def folder_of(work_dir: str, variant: str, seed: int) -> Path:
    """Where a run writes."""
    return Path(work_dir, variant.replace(' ', '-'), f'seed{seed}')


@dataclass
class _Experiment:
    """What all runs share, see :func:`run_stages`."""

    data_root: str
    work_dir: str
    cfg_options: dict

    def run(self, name: str, config: str, seed: int, order: int,
            before: Optional[str] = None) -> Path:
        """Train, test where the config can, write down what came out.

        Args:
            name (str): Of the variant.
            config (str): Its config.
            seed (int): Of the whole series of runs.
            order (int): Seed of this training.
            before (str, optional): Variant whose last weights it starts
                from.
        """
        folder = folder_of(self.work_dir, name, seed)
        file = folder / RECORD
        if file.is_file():
            return file
        cfg = moved(load_config(config, self.cfg_options), self.data_root)
        cfg.load_from = before and last_of(self.work_dir, before, seed)
        tests = cfg.get('test_dataloader') is not None
        if tests:
            # A resumed run has its weights from another file than the run
            # that was interrupted, and answers may not be mixed.
            cfg.test_cfg.resume = False
        start, begun = cfg.load_from, time.time()
        runner = train(cfg, str(folder), resume='auto', seed=order)
        trained = time.time()
        scores = runner.test() if tests else {}
        write_record(file, dict(
            schema=SCHEMA, variant=name, seed=seed, config=config,
            options=self.cfg_options, data_root=self.data_root, start=start,
            parameters=count_parameters(runner),
            seconds=dict(train=round(trained - begun),
                         test=round(time.time() - trained)),
            scores={key: float(value) for key, value in scores.items()}))
        return file


def moved(cfg: Config, data_root: str) -> Config:
    """A config whose every path below ``data_root`` lies below another.

    Args:
        cfg (Config): Has ``data_root``.
        data_root (str): The other folder.
    """
    old = cfg.data_root

    def move(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: move(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(move(item) for item in value)
        if isinstance(value, str) and (value + '/').startswith(f'{old}/'):
            return data_root + value[len(old):]
        return value

    return Config(move(cfg.to_dict()), filename=cfg.filename)


def count_parameters(runner: Runner) -> dict[str, int]:
    """``stored`` and ``trained`` parameters of a runner's model."""
    parameters = list(runner.model.parameters())
    return dict(stored=sum(p.numel() for p in parameters),
                trained=sum(p.numel() for p in parameters
                            if p.requires_grad))


def write_record(path: Path, record: dict) -> None:
    """Whole or not at all: what is there counts as finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.part')
    part.write_text(json.dumps(record, indent=1) + '\n')
    part.replace(path)


__all__ = ['ALIGN', 'RECORD', 'SCHEMA', 'STAGE_1', 'count_parameters',
           'folder_of', 'last_of', 'moved', 'run_stages', 'write_record']
