# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.apis.train``."""

from typing import Optional, Union

from mmengine.config import Config
from mmengine.runner import Runner

from mmeo.apis.checkpoint import latest_checkpoint, read_meta
from mmeo.apis.config import (
    ConfigLike,
    load_config,
    set_amp,
    set_auto_scale_lr,
)
from mmeo.apis.distributed import prepare
from mmeo.apis.run import Interrupted
from mmeo.registry import RUNNERS
from mmeo.utils import import_siblings


def build_runner(cfg: Config) -> Runner:
    """The Runner of ``cfg.runner_type``, by default ours, which check
    checkpoints: :class:`mmeo.engine.CheckedFlexibleRunner` where the config
    has a ``strategy``, else :class:`mmeo.engine.CheckedRunner`."""
    import_siblings(str(cfg))
    cfg.setdefault('default_scope', 'mmeo')
    cfg.setdefault('runner_type', 'mmeo.CheckedFlexibleRunner'
                   if 'strategy' in cfg else 'mmeo.CheckedRunner')
    return RUNNERS.build(cfg)


def train(config: ConfigLike,
          work_dir: Optional[str] = None,
          amp: bool = False,
          amp_dtype: Optional[str] = None,
          resume: Union[bool, str] = False,
          auto_scale_lr: bool = False,
          cfg_options: Optional[dict] = None,
          launcher: str = 'none',
          local_rank: int = 0,
          seed: Optional[int] = None,
          trust_checkpoint: bool = False) -> Runner:
    """Train a model.

    Args:
        config (str | Path | Config): What to train.
        work_dir (str, optional): Where logs and checkpoints go. Defaults to
            the config's, else ``work_dirs/<config name>``.
        amp (bool): Train in mixed precision. Defaults to False.
        amp_dtype (str, optional): ``'bf16'`` or ``'fp16'``; implies ``amp``.
            Defaults to bf16 where the device has it.
        resume (bool | str): True or ``'auto'``: go on from the latest
            readable checkpoint in ``work_dir``, if there is one; a path: go
            on from that file. Defaults to False.
        auto_scale_lr (bool): Scale the learning rate linearly with the total
            batch size. Defaults to False.
        cfg_options (dict, optional): Dotted config keys to override.
        launcher (str): ``'none'``, ``'pytorch'`` (torchrun), ``'slurm'`` or
            ``'mpi'``. Defaults to 'none'.
        local_rank (int): For launchers that pass it. Defaults to 0.
        seed (int, optional): Overrides ``randomness.seed``.
        trust_checkpoint (bool): Unpickle arbitrary objects from checkpoints,
            i.e. let them run code. Defaults to False.

    Returns:
        Runner: After training; ``runner.model`` is the model.
    """
    cfg = load_config(config, cfg_options, work_dir)
    if amp or amp_dtype:
        set_amp(cfg, amp_dtype)
    if auto_scale_lr:
        set_auto_scale_lr(cfg)
    if seed is not None:
        cfg.randomness = {**cfg.get('randomness', {}), 'seed': seed}
    cfg.trust_checkpoint = trust_checkpoint
    prepare(cfg, launcher, local_rank)
    _settle_resume(cfg, resume)
    runner = build_runner(cfg)
    try:
        runner.train()
    except KeyboardInterrupt:
        raise _interrupted(runner) from None
    return runner


def _settle_resume(cfg: Config, resume: Union[bool, str]) -> None:
    """Decide once, for every kind of Runner, where training goes on.

    mmengine resumes from ``load_from`` when both are set, which for a
    fine-tuning config would be its pretrained weights; and it draws a random
    seed before it reads the one of the checkpoint, so the samples would come
    in another order.
    """
    resume = resume or cfg.get('resume', False)
    cfg.resume = False
    if not resume:
        return
    path = (latest_checkpoint(cfg.work_dir, cfg.trust_checkpoint)
            if resume in (True, 'auto') else str(resume))
    if path is None:
        print(f'--resume: no checkpoint in {cfg.work_dir} yet, training '
              'starts from the beginning')
        return
    cfg.load_from, cfg.resume = path, True
    meta = read_meta(path, cfg.trust_checkpoint)
    randomness = cfg.get('randomness', {})
    if randomness.get('seed') is None and meta.get('seed') is not None:
        cfg.randomness = {**randomness, 'seed': meta['seed']}


def _interrupted(runner: Runner) -> Interrupted:
    path = latest_checkpoint(runner.work_dir, trust=True)
    at = f'interrupted at iteration {runner.iter}'
    if path is None:
        return Interrupted(f'{at}, before the first checkpoint in '
                           f'{runner.work_dir}.')
    return Interrupted(f'{at}; the last checkpoint is {path}.', True)
