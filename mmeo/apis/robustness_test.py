# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.apis.robustness``: one detector under the corruptions of REOBench."""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Optional

from mmengine.config import Config
from mmengine.dist import is_main_process

from mmeo.apis.browsing import build_dataset
from mmeo.apis.config import ConfigLike, load_config
from mmeo.apis.robustness_config import corrupted
from mmeo.apis.testing import test
from mmeo.benchmarks.robustness import (
    Robustness,
    draw_robustness,
    robustness_table,
)
from mmeo.benchmarks.run_record import (
    config_name,
    describe_checkpoint,
    make_record,
    write_record,
)
from mmeo.datasets.transforms.corrupt import CORRUPTIONS, SEVERITIES
from mmeo.errors import ConfigError


def robustness(config: ConfigLike,
               checkpoint: Optional[str],
               work_dir: Optional[str] = None,
               corruptions: Optional[Sequence[str]] = None,
               severities: Sequence[int] = SEVERITIES,
               metric: Optional[str] = None,
               seed: int = 0,
               outside: str = 'keep',
               value_range: Optional[float] = None,
               cfg_options: Optional[dict] = None,
               launcher: str = 'none',
               local_rank: int = 0,
               trust_checkpoint: bool = False) -> Robustness:
    """Test a checkpoint on clean and on corrupted images.

    Every finished test is kept in ``work_dir/robustness.json``; a second
    call goes on with what is missing. ``robustness.md`` and
    ``robustness.png`` show the result; a run record is written for
    ``tools/benchmark.py table``.

    Args:
        config (str | Path | Config): What to test.
        checkpoint (str, optional): Weights; None tests the initial ones.
        work_dir (str, optional): Defaults to the config's, else
            ``work_dirs/<config name>``, there below ``robustness``.
        corruptions (Sequence[str], optional): Names; all twelve by default.
        severities (Sequence[int]): Of 1 to 5. Defaults to all.
        metric (str, optional): Which of the config's metrics counts, a
            higher one being better; AP at IoU 0.5 by default, else the
            first.
        seed (int): Fixes every random choice, with the images' names.
            Defaults to 0.
        outside (str): ``'keep'`` or ``'remove'`` objects that leave the
            image. Defaults to 'keep', as REOBench.
        value_range (float, optional): Largest value of images that are not
            8-bit.
        cfg_options (dict, optional): Dotted config keys to override.
        launcher (str): See :func:`mmeo.apis.test`. Defaults to 'none'.
        local_rank (int): Likewise. Defaults to 0.
        trust_checkpoint (bool): Likewise. Defaults to False.

    Returns:
        Robustness: What was measured.

    Raises:
        ConfigError: If a name is unknown, or the work dir holds results of
            something else.
    """
    names = list(corruptions or CORRUPTIONS)
    _check(names, severities)
    cfg = load_config(config, cfg_options, work_dir)
    if work_dir is None:
        cfg.work_dir = str(Path(cfg.work_dir) / 'robustness')
    file = Path(cfg.work_dir) / 'robustness.json'
    state = _open(file, cfg, checkpoint, seed, outside, metric, cfg_options)

    def measure(variant: Config, label: str) -> float:
        # Runs within one second would share a name, and with it their logs.
        variant.experiment_name = f'{label}_{Path(variant.work_dir).name}'
        metrics = test(variant, checkpoint, launcher=launcher,
                       local_rank=local_rank, record=False,
                       trust_checkpoint=trust_checkpoint)
        state.metric = _choose(state.metric, metrics, cfg)
        return float(metrics[state.metric])

    if state.clean is None:
        clean = deepcopy(cfg)
        clean.work_dir = str(Path(cfg.work_dir) / 'clean')
        state.clean = measure(clean, 'clean')
        _save(file, state)
    for name in names:
        for severity in severities:
            if severity in state.results.get(name, {}):
                print(f'{name} {severity}: done before, '
                      f'{state.results[name][severity]:.4f}')
                continue
            variant = corrupted(cfg, name, severity, seed, outside,
                                value_range)
            value = measure(variant, f'{name}_{severity}')
            state.results.setdefault(name, {})[severity] = value
            _save(file, state)
    if is_main_process():
        _report(cfg, checkpoint, state, cfg_options)
    return state


def _check(names: Sequence[str], severities: Sequence[int]) -> None:
    unknown = [name for name in names if name not in CORRUPTIONS]
    if unknown:
        raise ConfigError(f'--corruptions {unknown[0]}: choose '
                          f'{", ".join(CORRUPTIONS)}.')
    wrong = [each for each in severities if each not in SEVERITIES]
    if wrong or not severities:
        raise ConfigError(f'--severities {wrong[:1]}: choose of 1 to 5.')


def _open(file: Path, cfg: Config, checkpoint: Optional[str], seed: int,
          outside: str, metric: Optional[str],
          options: Optional[dict]) -> Robustness:
    """What was measured before, if it was measured on the same thing."""
    identity: dict[str, Any] = dict(
        config=config_name(cfg.filename), seed=seed, outside=outside,
        options={key: str(value) for key, value in (options or {}).items()},
        checkpoint=describe_checkpoint(checkpoint).get('sha256'))
    if not file.is_file():
        return Robustness(identity=identity, metric=metric)
    state = Robustness.from_dict(json.loads(file.read_text()))
    if metric is not None:
        identity['metric'] = metric
    known = {**state.identity, 'metric': state.metric}
    differing = [key for key, value in identity.items()
                 if known.get(key) != value]
    if differing:
        raise ConfigError(
            f'{file} holds results of another {", ".join(differing)}: '
            f'{known.get(differing[0])!r}, not '
            f'{identity[differing[0]]!r}. Choose another --work-dir, or '
            'remove that file.')
    return state


def _choose(metric: Optional[str], metrics: dict, cfg: Config) -> str:
    if metric is None and metrics:
        # REOBench and the paper's Table 16 count AP at IoU 0.5.
        at_50 = [key for key in metrics if key.endswith(('AP50', 'mAP_50'))]
        metric = (at_50 or list(metrics))[0]
        print(f'the metric is {metric}; --metric chooses another of '
              f'{", ".join(metrics)}')
    if metric not in metrics:
        raise ConfigError(f'{cfg.filename}: the test gives '
                          f'{", ".join(metrics) or "no metric"}, not '
                          f'{metric!r}; name one of them with --metric.')
    return metric


def _save(file: Path, state: Robustness) -> None:
    if not is_main_process():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    # A kill while writing must not cost the results of hours.
    draft = file.with_suffix('.tmp')
    draft.write_text(json.dumps(state.to_dict(), indent=1) + '\n')
    draft.replace(file)


def _report(cfg: Config, checkpoint: Optional[str], state: Robustness,
            options: Optional[dict]) -> None:
    folder = Path(cfg.work_dir)
    text = robustness_table(state)
    (folder / 'robustness.md').write_text(text + '\n')
    draw_robustness(state, folder / 'robustness.png')
    write_record(folder, make_record(
        cfg, checkpoint, state.metrics(), build_dataset(cfg, 'test'),
        options))
    print(f'{text}\n\nwritten to {folder}/robustness.{{json,md,png}}')
