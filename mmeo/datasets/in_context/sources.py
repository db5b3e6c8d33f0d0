# Copyright (c) mmeo contributors. All rights reserved.
"""Build the data sets of episodes and tie them together."""

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmeo.datasets.instruct_repeats import repeat_indices
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import DATASETS

from .class_names import require_known
from .source import SOURCE_KEYS, EpisodeSource


def build_sources(datasets: Union[Mapping[str, dict], Sequence[dict]],
                  data_root: Optional[str]) -> list[EpisodeSource]:
    """Build all data sets; say at once everything that is missing.

    Args:
        datasets (Mapping | Sequence): Configs, by name or with ``name``.
        data_root (str, optional): Folder that theirs are below.

    Raises:
        ConfigError: If there is none, or two have one name.
        MissingDataError: If data are absent.
    """
    if isinstance(datasets, Mapping):
        datasets = [dict(cfg, name=name) for name, cfg in datasets.items()]
    if not datasets:
        raise ConfigError('InContextDataset: `datasets` is empty')
    sources, missing = [], []
    for i, cfg in enumerate(datasets):
        own = {key: cfg[key] for key in SOURCE_KEYS if key in cfg}
        own.setdefault('name', f'{i} {cfg["type"]}')
        try:
            sources.append(EpisodeSource(
                DATASETS.build(_inner(cfg, data_root)), **own))
        except MissingDataError as error:
            missing.append(error)
    if len(missing) == 1:
        raise missing[0]
    if missing:
        listed = '\n'.join(f'  {error}' for error in missing)
        raise MissingDataError(f'{len(missing)} of {len(datasets)} data sets '
                               f'are missing:\n{listed}')
    names = [source.name for source in sources]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigError(f'InContextDataset: two data sets are called '
                          f'{sorted(twice)[0]!r}; give each its own `name`')
    return sources


def _inner(cfg: Mapping, data_root: Optional[str]) -> dict[str, Any]:
    """Config of the data set itself."""
    inner = {key: value for key, value in cfg.items()
             if key not in SOURCE_KEYS}
    if data_root is not None:
        inner['data_root'] = os.path.join(data_root,
                                          inner.get('data_root') or '')
    return inner


def hold_out(sources: Sequence[EpisodeSource], names: Sequence[str],
             as_other: bool) -> None:
    """Take classes out of all data sets.

    Raises:
        ConfigError: If no data set has one of them, or nothing is left.
    """
    known = {name for source in sources
             for name in (*source.classes,
                          *(path[-1] for path in source.names.paths))}
    require_known(names, known, 'held_out')
    for source in sources:
        source.hold_out(names, as_other)
        if not source.allowed:
            raise ConfigError(f'{source.name}: all its classes are held out '
                              'or `others`; remove the data set')


class Pairs:
    """Which data set, and image, shows the same place by another sensor.

    Args:
        sources (Sequence[EpisodeSource]): With ``paired``, a name.

    Raises:
        ConfigError: If there is no such data set, or it has other classes.
        DataError: If no two images have one name.
    """

    def __init__(self, sources: Sequence[EpisodeSource]) -> None:
        self.partner: dict[str, EpisodeSource] = {}
        self.same_place: dict[str, dict[int, int]] = {}
        by_name = {source.name: source for source in sources}
        for source in sources:
            if source.paired is not None:
                other = by_name.get(source.paired)
                self._check(source, other, by_name)
                self.partner[source.name] = other
                self.same_place[source.name] = self._match(source, other)

    @staticmethod
    def _check(source: EpisodeSource, other: Optional[EpisodeSource],
               known: Mapping[str, EpisodeSource]) -> None:
        if other is None or other is source:
            raise ConfigError(
                f'{source.name}: paired={source.paired!r} is no other data '
                f'set; there are {", ".join(known)}')
        if source.classes != other.classes:
            raise ConfigError(
                f'{source.name} and {other.name} are paired, but have other '
                'classes; co-registered data sets share their label maps')

    @staticmethod
    def _match(source: EpisodeSource, other: EpisodeSource
               ) -> dict[int, int]:
        mine, theirs = source.places(), other.places()
        found = {i: theirs[name] for name, i in mine.items()
                 if name in theirs}
        if not found:
            raise DataError(
                f'{source.name} and {other.name} are paired, but no image of '
                f'one has a name of the other, as {next(iter(mine))!r} and '
                f'{next(iter(theirs))!r}: co-registered images have one name')
        print_log(f'{source.name}: {len(found)} of {len(mine)} places are '
                  f'also in {other.name}', 'current')
        return found


def read_indices(sources: Sequence[EpisodeSource], cache_dir: Optional[str],
                 workers: int) -> None:
    """Count the classes of all data sets; say what cannot be a target.

    Raises:
        DataError: If a data set shows none of its classes.
    """
    for source in sources:
        source.read_index(cache_dir, workers)
        total, targets = len(source.dataset), len(source.targets)
        if not targets:
            raise DataError(f'{source.name}: none of its {total} label maps '
                            'shows a class that may be asked for')
        absent = [source.classes[i] for i in source.allowed
                  if not source.counts[:, i].any()]
        text = f'{source.name}: {targets} of {total} images are targets'
        if targets < total:
            text += (f'; {total - targets} show no class that may be asked '
                     'for')
        if absent:
            text += f'; in no image: {", ".join(absent)}'
        print_log(text, 'current')


def episode_order(sources: Sequence[EpisodeSource], balance: float,
                  seed: int) -> np.ndarray:
    """Targets of a pass, ``(M, 2)`` int64: source and image.

    Args:
        sources (Sequence[EpisodeSource]): With their indices.
        balance (float): A data set's share of the episodes goes with its
            number of targets to this power: 1 treats all images alike, 0 all
            data sets.
        seed (int): Of subsets.

    Raises:
        ConfigError: If ``balance`` is not in 0 to 1.
    """
    if not 0 <= balance <= 1:
        raise ConfigError(f'balance={balance} is not in 0 (data sets alike) '
                          'to 1 (images alike)')
    sizes = np.array([len(source.targets) for source in sources], float)
    weights = sizes**balance * [source.repeat for source in sources]
    total = (sizes * [source.repeat for source in sources]).sum()
    wanted = weights / weights.sum() * total
    parts = []
    for i, (source, number) in enumerate(zip(sources, wanted)):
        # At least one: no data set may drop out.
        number = max(1, round(number))
        index = source.targets[repeat_indices(
            len(source.targets), Fraction(number, len(source.targets)),
            seed + i)]
        parts.append(np.stack([np.full_like(index, i), index], 1))
    return np.concatenate(parts)
