# Copyright (c) mmeo contributors. All rights reserved.
"""The model of a prompt, and the statistics its images were trained with."""

import copy
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

import mmeo
from mmeo.apis.checkpoint import load_into, read_checkpoint
from mmeo.apis.config import load_config
from mmeo.builder import build
from mmeo.datasets.band_norm import BandNorm
from mmeo.datasets.band_stats import PRESETS
from mmeo.errors import ConfigError
from mmeo.utils import import_siblings

ModelLike = Union[str, Path, Mapping, nn.Module]
_SECTIONS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def find_config(model: ModelLike, cfg_options: Optional[dict] = None,
                system: str = 'skysense_vita') -> Config:
    """The config that a user means.

    Args:
        model (str | Path | dict | Config): A file, the name of a config of
            the system without folder and ``.py``, a config, or the ``model``
            section of one.
        cfg_options (dict, optional): Dotted keys to override.
        system (str): Folder of ``configs``. Defaults to 'skysense_vita'.

    Raises:
        ConfigError: If there is none, or it has no model.
    """
    if isinstance(model, Config):
        cfg = load_config(model, cfg_options)
    elif isinstance(model, Mapping):
        model = dict(model) if 'model' in model else dict(model=dict(model))
        cfg = load_config(Config(model), cfg_options)
    else:
        cfg = load_config(_config_file(model, system), cfg_options)
    if not isinstance(cfg.get('model'), Mapping) or 'type' not in cfg.model:
        raise ConfigError(f'{cfg.filename or "the config"} has no `model` '
                          'with a `type`.')
    return cfg


def _config_file(model: Union[str, Path], system: str) -> Path:
    path = Path(model)
    if path.is_file() or path.suffix == '.py' or len(path.parts) > 1:
        return path
    package = Path(mmeo.__file__).parent
    folders = (package / '.mim' / 'configs' / system,
               package.parent / 'configs' / system)
    found: list[Path] = []
    for folder in folders:
        found = sorted(folder.rglob(f'{path}.py'))
        if found:
            break
    if len(found) != 1:
        known = sorted({p.stem for folder in folders
                        for p in folder.rglob('*.py')})
        raise ConfigError(
            f'{model!r} is no config file and '
            f'{"several configs have" if found else "no config has"} this '
            f'name; give the path of a .py file. Named are: '
            f'{", ".join(known) or "none"}.')
    return found[0]


def load_model(model: ModelLike, weights: Optional[str] = None,
               device: Optional[str] = None, trust: bool = False,
               cfg_options: Optional[dict] = None
               ) -> tuple[nn.Module, Config]:
    """Build a model, or take one, ready to predict.

    Args:
        model: See :func:`find_config`; a module is taken as it is, with the
            config in its attribute ``cfg``, if it has one.
        weights (str, optional): Checkpoint; every parameter must be in it.
        device (str, optional): Defaults to the GPU, if there is one.
        trust (bool): Unpickle whatever the checkpoint holds.
        cfg_options (dict, optional): Dotted config keys to override.

    Raises:
        ConfigError: If there is no such config, or neither a module nor
            weights.
        CheckpointError: If the weights do not fit.
    """
    if isinstance(model, nn.Module):
        cfg = getattr(model, 'cfg', None)
        cfg = Config(dict(model=dict(type=type(model).__name__))) \
            if cfg is None else Config(dict(cfg))
    else:
        cfg = find_config(model, cfg_options)
        if weights is None:
            raise ConfigError(
                f'{cfg.filename or "the config"}: no weights were given, and '
                'a model of random weights segments nothing. Give a '
                'checkpoint (--weights), or a module that you built.')
        import_siblings(cfg.pretty_text)
        model = build(cfg.model)
    if weights is not None:
        load_into(model, read_checkpoint(str(weights), trust), str(weights),
                  cfg.get('load_exclude', ()), complete=True)
    if not hasattr(model, 'encode_prompt'):
        raise ConfigError(
            f'{type(model).__name__} takes no prompts: use a config of '
            '`VITASegmentor`.')
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return model.to(device).eval(), cfg


def find_norms(cfg: Mapping, modalities: tuple[str, ...],
               given: Optional[Mapping[str, Any]] = None
               ) -> tuple[dict[str, BandNorm], dict[str, str]]:
    """The statistics with which images of each sensor are normalised.

    They are those of training: of ``NormalizeBands``, or mmcv's
    ``Normalize``, in the pipelines of the config's data sets. Which sensor
    they are of is told by ``modalities``, else by the data set's
    ``modality``, else by the preset, else by the number of bands. A data set
    in another unit than the sensor measures, e.g. grey values of unknown
    stretch instead of dB, has statistics for itself alone; without others,
    images take the preset of the sensor's name, as data sets in its unit
    would.

    Args:
        cfg (Mapping): The config. Its ``prompt_norms``, if there are any, go
            before its data sets.
        modalities (tuple[str]): Sensors of the model.
        given (Mapping, optional): Sensor -> arguments of
            :class:`~mmeo.datasets.band_norm.BandNorm`, or a preset; goes
            before the config.

    Returns:
        tuple[dict, dict]: Sensor to statistics, and sensor to what a user of
        it should know.

    Raises:
        ConfigError: If the data sets have several for one sensor and unit.
    """
    given = {**(cfg.get('prompt_norms') or {}), **(given or {})}
    unknown = sorted(set(given) - set(modalities))
    if unknown:
        raise ConfigError(
            f'norms of the sensor {unknown[0]!r} are given; the model knows '
            f'{", ".join(modalities)}.')
    trained: dict[str, list[BandNorm]] = {}
    for section in _SECTIONS:
        for sensor, found in _sensor_norms(cfg.get(section) or {}).items():
            trained.setdefault(sensor, found)
    norms, notes = {}, {}
    for sensor in modalities:
        if sensor in given:
            norms[sensor] = BandNorm(**_arguments(given[sensor]))
            continue
        found = trained.get(sensor, [])
        norms[sensor] = _of_unit(found, sensor) or BandNorm(preset=sensor)
        if found and not _of_unit(found, sensor):
            notes[sensor] = (
                f'the data sets of sensor {sensor!r} have statistics of their '
                f'own, not in {norms[sensor].unit}; images are normalised by '
                f'the preset {sensor!r}. For images like theirs set '
                f'`prompt_norms.{sensor}` in the config.')
    return norms, notes


def _of_unit(found: list[BandNorm], sensor: str) -> Optional[BandNorm]:
    """The one in the sensor's unit, taking images in that unit."""
    unit = PRESETS[sensor].unit if sensor in PRESETS else None
    kept: list[BandNorm] = []
    for norm in found:
        if unit in (None, norm.stats_unit) and not any(
                map(partial(_same, norm), kept)):
            kept.append(norm)
    if len(kept) > 1:
        raise ConfigError(
            f'the data sets of the config normalise sensor {sensor!r} in '
            f'{len(kept)} ways, by the means {kept[0].mean.tolist()}, '
            f'{kept[1].mean.tolist()}, …: say which one your images need, '
            f'`prompt_norms = dict({sensor}=dict(mean=…, std=…, unit=…))` in '
            'the config.')
    if not kept:
        return None
    norm = copy.copy(kept[0])
    norm.unit = norm.stats_unit
    return norm


def _same(a: BandNorm, b: BandNorm) -> bool:
    return a.stats_unit == b.stats_unit and a.clip == b.clip and all(
        x.shape == y.shape and np.allclose(x, y) for x, y in (
            (a.mean, b.mean), (a.std, b.std), (a.offset, b.offset)))


def _sensor_norms(section: Mapping) -> dict[str, list[BandNorm]]:
    """Statistics of each sensor in a data loader's section."""
    found: dict[str, list[BandNorm]] = {}
    for step, sensor in _walk(section, None):
        settings = {k: v for k, v in step.items()
                    if k not in ('type', 'to_rgb')}
        if 'to_rgb' in step:  # mmcv's, of 8-bit colours
            settings['unit'] = '8bit'
        several = settings.pop('modalities', None)
        if several is None and not settings:
            continue  # presets by name, which is the default
        for name, one in (several or {None: settings}).items():
            norm = BandNorm(**_arguments(one))
            name = name or sensor or _sensor_of(one, len(norm.mean))
            found.setdefault(name, []).append(norm)
    return found


def _walk(node: Any, sensor: Optional[str]
          ) -> Iterator[tuple[Mapping, Optional[str]]]:
    """Each normalisation with the modality of the data set around it."""
    if isinstance(node, Mapping):
        kind = str(node.get('type', '')).rsplit('.', 1)[-1]
        if kind == 'Normalize':
            node = dict(dict(to_rgb=True), **node)
        if kind in ('NormalizeBands', 'Normalize'):
            yield node, sensor
            return
        own = node.get('modality')
        sensor = own if isinstance(own, str) else sensor
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from _walk(child, sensor)


def _arguments(one: Union[str, Mapping]) -> dict:
    return dict(preset=one) if isinstance(one, str) else dict(one)


def _sensor_of(one: Mapping, count: int) -> str:
    preset = one.get('preset', '')
    return preset if preset in ('hr', 's1') else {2: 's1', 3: 'hr'}.get(
        count, preset)
