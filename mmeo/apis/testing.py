# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.apis.test``."""

import json
import time
from inspect import signature
from pathlib import Path
from typing import Any, Optional

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults

from mmeo.apis.config import ConfigLike, load_config
from mmeo.apis.distributed import prepare
from mmeo.apis.training import build_runner
from mmeo.apis.tta import add_tta
from mmeo.benchmarks.run_record import make_record, plain, write_record
from mmeo.errors import ConfigError
from mmeo.registry import HOOKS


def test(config: ConfigLike,
         checkpoint: Optional[str],
         work_dir: Optional[str] = None,
         out: Optional[str] = None,
         show: bool = False,
         show_dir: Optional[str] = None,
         wait_time: float = 2.,
         tta: bool = False,
         cfg_options: Optional[dict] = None,
         launcher: str = 'none',
         local_rank: int = 0,
         trust_checkpoint: bool = False,
         record: bool = True) -> dict[str, Any]:
    """Evaluate a checkpoint.

    Args:
        config (str | Path | Config): What to test; its ``test_dataloader``
            and ``test_evaluator`` say on what and by which measure.
        checkpoint (str, optional): Weights; None tests the initial ones.
        work_dir (str, optional): Where logs and ``test_metrics.json`` go.
            Defaults to the config's, else ``work_dirs/<config name>``.
        out (str, optional): A ``.pkl`` file for the predictions.
        show (bool): Show each prediction in a window. Defaults to False.
        show_dir (str, optional): Folder for pictures of the predictions; a
            relative one lies in ``work_dir``.
        wait_time (float): Seconds each window stays. Defaults to 2.
        tta (bool): Average over flips (``tta_model`` and ``tta_pipeline`` of
            the config). Defaults to False.
        cfg_options (dict, optional): Dotted config keys to override.
        launcher (str): ``'none'``, ``'pytorch'`` (torchrun), ``'slurm'`` or
            ``'mpi'``. Defaults to 'none'.
        local_rank (int): For launchers that pass it. Defaults to 0.
        trust_checkpoint (bool): Unpickle arbitrary objects from the
            checkpoint, i.e. let it run code. Defaults to False.
        record (bool): Leave ``run_record_<time>.json`` in ``work_dir``, from
            which ``tools/benchmark.py table`` fills its tables. Defaults to
            True.

    Returns:
        dict: The metrics, also written to ``work_dir/test_metrics.json``.
    """
    if out is not None and not out.endswith(('.pkl', '.pickle')):
        raise ConfigError(f'--out {out}: predictions are written as a '
                          'pickle, so the name must end in .pkl')
    cfg = load_config(config, cfg_options, work_dir)
    if cfg.get('test_dataloader') is None:
        raise ConfigError(f'{cfg.filename} has no `test_dataloader`, '
                          '`test_cfg` and `test_evaluator` to test on.')
    if checkpoint is None or '://' in checkpoint:
        cfg.load_from = checkpoint
    else:
        cfg.load_from = str(Path(checkpoint).expanduser())
    cfg.resume = False
    cfg.trust_checkpoint = trust_checkpoint
    prepare(cfg, launcher, local_rank)
    if show or show_dir:
        _draw(cfg, show, show_dir, wait_time)
    if tta:
        add_tta(cfg)
    runner = build_runner(cfg)
    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        runner.test_evaluator.metrics.append(DumpResults(out))
    started = time.time()
    metrics = runner.test()
    if is_main_process():
        _write(Path(runner.work_dir) / 'test_metrics.json', cfg, checkpoint,
               metrics)
        # What an evaluation server is to score has no metrics here.
        if record and metrics:
            write_record(runner.work_dir, make_record(
                cfg, cfg.load_from, metrics, runner.test_dataloader.dataset,
                cfg_options, tta, time.time() - started))
    return metrics


def _draw(cfg: Config, show: bool, show_dir: Optional[str],
          wait_time: float) -> None:
    """Turn on the config's visualization hook, whatever the task."""
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise ConfigError(
            f'{cfg.filename}: --show and --show-dir need a visualization '
            'hook; add e.g. `default_hooks = dict(visualization=dict('
            "type='mmseg.SegVisualizationHook'))` to the config.")
    hook['draw'] = True
    if show:
        hook['show'] = True
        hook['wait_time'] = wait_time
    if show_dir:
        folder = str(Path(cfg.work_dir).absolute() / show_dir)
        if _takes(hook['type'], 'test_out_dir'):
            hook['test_out_dir'] = folder
        else:
            visualizer = dict(cfg.get('visualizer', dict(type='Visualizer')))
            visualizer['save_dir'] = folder
            if not visualizer.get('vis_backends'):
                visualizer['vis_backends'] = [dict(type='LocalVisBackend')]
            cfg.visualizer = visualizer


def _takes(hook_type: Any, argument: str) -> bool:
    """Whether hooks of that type have the argument."""
    kind = HOOKS.get(hook_type) if isinstance(hook_type, str) else hook_type
    return kind is not None and argument in signature(kind).parameters


def _write(path: Path, cfg: Config, checkpoint: Optional[str],
           metrics: dict) -> None:
    record = dict(config=cfg.filename, checkpoint=checkpoint,
                  metrics={key: plain(value)
                           for key, value in metrics.items()})
    path.write_text(json.dumps(record, indent=1, default=str) + '\n')
    print(f'metrics written to {path}')
