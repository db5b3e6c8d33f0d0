# Copyright (c) mmeo contributors. All rights reserved.
"""Several datasets in exact proportions."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Optional, Union

import numpy as np
from mmengine.dataset import BaseDataset, Compose
from mmengine.logging import print_log

from mmeo.datasets.instruct_meta import InstructSource
from mmeo.datasets.instruct_repeats import (
    MixtureRow,
    format_mixture,
    mixture_rows,
    repeat_indices,
)
from mmeo.datasets.samplers.seeded_index import seeded_by
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import DATASETS


@DATASETS.register_module()
class MixtureDataset:
    """Concatenation of datasets, each repeated by any positive factor.

    Dataset i contributes exactly ``int(len * repeat)`` samples, or exactly
    as many as its ``samples`` says: whole copies and, for the rest, a subset
    drawn with a seed (see
    :func:`~mmeo.datasets.instruct_repeats.repeat_indices`). Order and
    content depend on the seed only, so all ranks and a resumed run agree.

    Args:
        datasets (Sequence[dict or BaseDataset]): The parts. A dict may carry
            ``repeat``, its factor, 1 by default, or instead ``samples``, the
            number of its samples in the mixture, whatever its file holds.
        repeats (Sequence[float], optional): One factor each, instead of
            ``repeat`` in the dicts.
        data_root (str, optional): Of the parts that set none.
        pipeline (Sequence): Transforms of all parts, after their own; one
            tokenizer then serves all. Defaults to none.
        seed (int): Defaults to 0.
        fraction (str): 'random', or 'first' for the first lines, as the
            released code of ViTP takes them. Defaults to 'random'.
        lazy_init (bool): Read the annotations when first needed. Defaults to
            False.

    Raises:
        ConfigError: If the numbers of datasets and repeats differ, or a part
            has both ``repeat`` and ``samples``.
        DataError: If samples are wanted of a part that holds none.
        MissingDataError: If annotations of parts are absent; the message
            lists all of them.
    """

    def __init__(self,
                 datasets: Sequence[Union[dict, BaseDataset]],
                 repeats: Optional[Sequence[float]] = None,
                 data_root: Optional[str] = None,
                 pipeline: Sequence = (),
                 seed: int = 0,
                 fraction: str = 'random',
                 lazy_init: bool = False) -> None:
        own = [d.get('repeat') if isinstance(d, Mapping) else None
               for d in datasets]
        self.samples = [_samples(d) if isinstance(d, Mapping) else None
                        for d in datasets]
        if repeats is not None and any(r is not None for r in own):
            raise ConfigError('MixtureDataset: give `repeats` or `repeat` of '
                              'each dataset, not both')
        self.repeats = list(repeats or
                            [1 if repeat is None else repeat
                             for repeat in own])
        if not datasets or len(self.repeats) != len(datasets):
            raise ConfigError(f'MixtureDataset: {len(datasets)} datasets and '
                              f'{len(self.repeats)} repeats; give one each')
        self.datasets = _build_parts(datasets, data_root)
        self.pipeline = Compose(pipeline)
        self.seed = seed
        self.fraction = fraction
        self._order: Optional[np.ndarray] = None
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Read the parts and draw the subsets; log the shares."""
        if self._order is not None:
            return
        parts = []
        for i, (dataset, repeat) in enumerate(
                zip(self.datasets, self.repeats)):
            dataset.full_init()
            if self.samples[i] is not None:
                if not len(dataset):
                    raise DataError(f'part {i} of the mixture is empty, but '
                                    f'{self.samples[i]} samples are to come '
                                    'from it')
                repeat = Fraction(self.samples[i], len(dataset))
                self.repeats[i] = float(repeat)
            index = repeat_indices(
                len(dataset), repeat, self.seed + i, self.fraction)
            parts.append(np.stack([np.full_like(index, i), index], 1))
        self._counts = [len(part) for part in parts]
        self._order = np.concatenate(parts)  # (N, 2): dataset, sample
        print_log(format_mixture(self.rows(), 'Mixture:'), 'current')

    def rows(self) -> list[MixtureRow]:
        """Length, factor and share of each part."""
        names = [getattr(dataset, 'name', f'{i} {type(dataset).__name__}')
                 for i, dataset in enumerate(self.datasets)]
        return mixture_rows(names, [len(d) for d in self.datasets],
                            self.repeats, self._counts)

    @property
    def metainfo(self) -> dict:
        """That of the first dataset."""
        return self.datasets[0].metainfo

    def get_data_info(self, idx: int) -> dict:
        """Annotation of sample ``idx`` of the mixture."""
        self.full_init()
        which, index = self._order[idx]
        return self.datasets[which].get_data_info(int(index))

    def __len__(self) -> int:
        self.full_init()
        return len(self._order)

    def __getitem__(self, idx: int) -> Any:
        self.full_init()
        which, index = self._order[idx]
        with seeded_by(idx):
            data = self.pipeline(self.datasets[which][int(index)])
        if data is None:
            source = self.get_data_info(idx).get('source', f'sample {idx}')
            raise DataError(f'a transform returned nothing for {source}')
        return data


def _build_parts(datasets: Sequence[Union[dict, BaseDataset]],
                 data_root: Optional[str]) -> list[BaseDataset]:
    """Build the parts; say at once everything that is missing."""
    parts, missing = [], []
    for dataset in datasets:
        if not isinstance(dataset, Mapping):
            parts.append(dataset)
            continue
        cfg = {k: v for k, v in dataset.items()
               if k not in ('repeat', 'samples')}
        if data_root is not None:
            cfg.setdefault('data_root', data_root)
        # Annotations are read in `full_init`, when all files are there.
        cfg.setdefault('lazy_init', True)
        try:
            parts.append(DATASETS.build(cfg))
        except MissingDataError as error:
            missing.append(error)
    if len(missing) == 1:
        raise missing[0]
    if missing:
        listed = '\n'.join(f'  {error}' for error in missing)
        raise MissingDataError(f'{len(missing)} of {len(datasets)} parts of '
                               f'the mixture are missing:\n{listed}')
    return parts


def _samples(part: Mapping) -> Optional[int]:
    """``samples`` of a part, checked."""
    number = part.get('samples')
    if number is None:
        return None
    if 'repeat' in part:
        raise ConfigError('MixtureDataset: a part has `repeat` or `samples`, '
                          f'not both: {part.get("name", part["type"])}')
    if not isinstance(number, int) or number < 1:
        raise ConfigError(f'MixtureDataset: samples={number!r} of '
                          f'{part.get("name", part["type"])} must be a '
                          'positive integer')
    return number


def mixture_sources(cfg: Mapping) -> list[InstructSource]:
    """The annotation files of a dataset config, without reading any.

    Args:
        cfg (Mapping): ``InstructDataset`` or ``MixtureDataset`` of them.
            Paths stay relative to ``data_root``.

    Returns:
        list[InstructSource]: To compute shares with, or for
        :func:`~mmeo.datasets.instruct_meta.write_meta`.

    Raises:
        ConfigError: If a part is of another type.
    """
    if cfg['type'].split('.')[-1] == 'MixtureDataset':
        repeats = cfg.get('repeats') or [
            _factor(part) for part in cfg['datasets']]
        return [_source(part, repeat)
                for part, repeat in zip(cfg['datasets'], repeats)]
    return [_source(cfg, 1)]


def _factor(part: Mapping) -> float:
    samples, length = _samples(part), part.get('length')
    if samples is None:
        return part.get('repeat', 1)
    # Without a length the factor is known when the file is read.
    return samples / length if length else 1


def _source(cfg: Mapping, repeat: float) -> InstructSource:
    if cfg['type'].split('.')[-1] != 'InstructDataset':
        raise ConfigError(f'{cfg["type"]} is no InstructDataset and has no '
                          'place in a meta')
    ann_file = cfg['ann_file']
    return InstructSource(
        name=cfg.get('name') or ann_file.rsplit('/', 1)[-1].split('.')[0],
        ann_file=ann_file,
        img_root=(cfg.get('data_prefix') or {}).get('img_path', ''),
        repeat=repeat,
        max_tiles=cfg.get('max_tiles'),
        jpeg_augment=cfg.get('jpeg_augment', False),
        length=cfg.get('length'),
        max_rounds=cfg.get('max_rounds'))


def mixture_config(sources: Sequence[InstructSource],
                   data_root: str = '',
                   **kwargs: Any) -> dict:
    """A ``MixtureDataset`` config of annotation files.

    The reverse of :func:`mixture_sources`: with
    :func:`~mmeo.datasets.instruct_meta.read_meta` (``resolve=False``) it
    turns an InternVL meta into a config.

    Args:
        sources (Sequence[InstructSource]): The files.
        data_root (str): What their paths are relative to. Defaults to ''.
        **kwargs: Further arguments of ``MixtureDataset``.

    Returns:
        dict: The config.
    """
    parts = []
    for source in sources:
        part = dict(type='InstructDataset', name=source.name,
                    ann_file=source.ann_file,
                    data_prefix=dict(img_path=source.img_root),
                    repeat=source.repeat)
        if source.max_tiles is not None:
            part['max_tiles'] = source.max_tiles
        if source.jpeg_augment:
            part['jpeg_augment'] = True
        if source.length is not None:
            part['length'] = source.length
        if source.max_rounds is not None:
            part['max_rounds'] = source.max_rounds
        parts.append(part)
    return dict(type='MixtureDataset', data_root=data_root, datasets=parts,
                **kwargs)
