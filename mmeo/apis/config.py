# Copyright (c) mmeo contributors. All rights reserved.
"""From a config file and command-line options to the config that runs."""

from pathlib import Path
from typing import Optional, Union

import torch
from mmengine.config import Config

from mmeo.errors import ConfigError

ConfigLike = Union[str, Path, Config]


def load_config(config: ConfigLike,
                cfg_options: Optional[dict] = None,
                work_dir: Optional[str] = None) -> Config:
    """Read a config and settle its ``work_dir``.

    Args:
        config (str | Path | Config): Config file, or a config, which is
            copied.
        cfg_options (dict, optional): Dotted keys and their values, merged
            into the config. Defaults to None.
        work_dir (str, optional): Overrides the ``work_dir`` of the config;
            where neither is given it is ``work_dirs/<config name>``.
            Defaults to None.

    Returns:
        Config: The merged config.

    Raises:
        ConfigError: If the file is absent or cannot be parsed, or an option
            names a place the config does not have.
    """
    if isinstance(config, Config):
        cfg = config.copy()
    else:
        cfg = _read(Path(config))
    if cfg_options:
        try:
            cfg.merge_from_dict(cfg_options)
        except (TypeError, KeyError, IndexError, AssertionError) as error:
            raise ConfigError(
                f'{cfg.filename}: --cfg-options '
                f'{_as_options(cfg_options)} cannot be merged: {error}. '
                'Print the config with `python tools/print_config.py '
                f'{cfg.filename}` and name an existing key.') from error
    if work_dir is not None:
        cfg.work_dir = str(work_dir)
    elif cfg.get('work_dir') is None:
        name = Path(cfg.filename).stem if cfg.filename else 'unnamed'
        cfg.work_dir = str(Path('work_dirs') / name)
    return cfg


def _read(path: Path) -> Config:
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob('*.py'))[:8] \
            if path.parent.is_dir() else []
        hint = (f' That folder has: {", ".join(near)}.' if near else
                f' The folder {path.parent} has no configs.')
        raise ConfigError(f'config file {path} does not exist.{hint}')
    try:
        return Config.fromfile(path)
    except FileNotFoundError as error:
        raise ConfigError(
            f'{path}: a file it inherits from is missing: {error}. Mend '
            'its `_base_`.') from error
    except SyntaxError as error:
        where = error.filename if error.filename and \
            Path(error.filename).exists() else path
        raise ConfigError(f'{where}:{error.lineno}: not valid Python: '
                          f'{error.msg}') from error
    except ImportError as error:
        raise ConfigError(
            f'{path}: `custom_imports` failed: {error}. Install the module, '
            'or add the folder that holds it to PYTHONPATH.') from error


def _as_options(options: dict) -> str:
    return ' '.join(f'{key}={value}' for key, value in options.items())


def set_amp(cfg: Config, dtype: Optional[str] = None) -> None:
    """Turn on automatic mixed precision in ``cfg``, in place.

    A config with :class:`~mmeo.engine.AutocastOptimWrapper`, which has a
    precision of its own, keeps it for bfloat16, on any device.

    Args:
        cfg (Config): Training config.
        dtype (str, optional): ``'bf16'`` or ``'fp16'``. By default bfloat16,
            which needs no loss scaling, where the GPU has it, and float16
            otherwise (our choice).

    Raises:
        ConfigError: If there is no GPU, which mmengine's wrapper needs, or
            the config has a foreign kind of optimizer wrapper.
    """
    wrapper = cfg.get('optim_wrapper')
    if wrapper is None:
        raise ConfigError(f'{cfg.filename}: --amp needs an `optim_wrapper`, '
                          'which this config has not.')
    kind = str(wrapper.get('type', 'OptimWrapper')).rsplit('.', 1)[-1]
    if kind == 'AutocastOptimWrapper' and dtype != 'fp16':
        wrapper.dtype = 'bfloat16'
        return
    if kind not in ('OptimWrapper', 'AmpOptimWrapper',
                    'AutocastOptimWrapper'):
        raise ConfigError(
            f'{cfg.filename}: --amp works with `OptimWrapper`, and this '
            f'config uses {wrapper.type!r}; set its precision in the config.')
    if not torch.cuda.is_available():
        raise ConfigError('--amp needs a GPU: mixed precision saves nothing '
                          'on this CPU. Leave the option out.')
    if dtype is None:
        dtype = 'bf16' if torch.cuda.is_bf16_supported() else 'fp16'
    wrapper.type = 'AmpOptimWrapper'
    wrapper.dtype = {'bf16': 'bfloat16', 'fp16': 'float16'}[dtype]
    if dtype == 'fp16':
        wrapper.loss_scale = 'dynamic'
    else:
        # A scaler only exists to keep float16 gradients from underflowing.
        wrapper.loss_scale = dict(enabled=False)


def set_auto_scale_lr(cfg: Config) -> None:
    """Scale the learning rate by real over base batch size, in place."""
    if cfg.get('auto_scale_lr', {}).get('base_batch_size') is None:
        raise ConfigError(
            f'{cfg.filename}: --auto-scale-lr needs the batch size that the '
            'learning rate was tuned for; add e.g. '
            '`auto_scale_lr = dict(base_batch_size=16)` to the config.')
    cfg.auto_scale_lr.enable = True


def describe(cfg: Config, field: Optional[str] = None) -> str:
    """The text of a config, or of a part of it.

    Args:
        cfg (Config): The config.
        field (str, optional): Dotted key, with numbers for list items, e.g.
            ``'param_scheduler.0.T_max'``. Defaults to the whole.

    Raises:
        ConfigError: If there is no such part.
    """
    if field is None:
        return cfg.pretty_text
    node, passed = cfg._cfg_dict, []
    for key in field.split('.'):
        try:
            node = node[int(key) if isinstance(node, (list, tuple)) else key]
        except (KeyError, IndexError, ValueError, TypeError):
            keys = (', '.join(map(str, node)) if isinstance(node, dict) else
                    f'{len(node)} items' if isinstance(node, (list, tuple))
                    else f'the value {node!r}')
            raise ConfigError(
                f'{cfg.filename}: no {key!r} in '
                f'{".".join(passed) or "the config"}, which has {keys}.'
            ) from None
        passed.append(key)
    if isinstance(node, dict):
        return Config(node).pretty_text
    return repr(node)
