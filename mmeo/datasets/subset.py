# Copyright (c) mmeo contributors. All rights reserved.
"""A seeded share of any dataset; smaller shares lie inside larger ones."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mmengine.logging import print_log

from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATASETS


@DATASETS.register_module()
class SubsetDataset:
    """Use only a share of a dataset, for experiments with few labels.

    The images are put into one order that depends on the seed and on their
    names alone, and a share takes the first of them: 2 % lie inside 5 %, and
    the choice is the same on every machine. ``write_names`` of a share and
    ``names_file`` make it independent of this code as well.

    Args:
        dataset (dict | Dataset): Any dataset of images.
        fraction (float): In (0, 1]; the number of images is rounded, and at
            least 1. Defaults to 1.
        seed (int): Defaults to 0.
        stratify (bool): Give every class its share: images are grouped by
            the rarest class they show, and a share takes as much of each
            group. Needs boxes (``instances``) or image labels
            (``gt_label``). Defaults to False, as the paper says nothing of
            it.
        names_file (str, optional): Text file with an image's name (without
            folder) on each line; replaces ``fraction``, ``seed`` and
            ``stratify``.

    Raises:
        ConfigError: If the share is out of range.
        DataError: If names are not unique, or not in the dataset.
    """

    def __init__(self,
                 dataset: Any,
                 fraction: float = 1.0,
                 seed: int = 0,
                 stratify: bool = False,
                 names_file: Optional[str] = None) -> None:
        if not 0 < fraction <= 1:
            raise ConfigError(f'SubsetDataset: fraction={fraction} is not in '
                              '(0, 1]: 2 % is 0.02.')
        self.fraction = fraction
        self.seed = seed
        self.stratify = stratify
        self.names_file = names_file
        self.dataset = (DATASETS.build(dataset) if isinstance(dataset, dict)
                        else dataset)
        self.indices: list[int] = []
        self._ready = False
        if getattr(self.dataset, '_fully_initialized', True):
            self.full_init()

    @property
    def metainfo(self) -> dict:
        """That of the dataset."""
        return self.dataset.metainfo

    def full_init(self) -> None:
        """Choose; done once."""
        if self._ready:
            return
        if hasattr(self.dataset, 'full_init'):
            self.dataset.full_init()
        infos = [self.dataset.get_data_info(i)
                 for i in range(len(self.dataset))]
        names = [_name(info) for info in infos]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise DataError(
                f'SubsetDataset: {len(twice)} names occur twice, first '
                f'{twice[0]!r}; a share is told by names, so rename the '
                'images.')
        if self.names_file is not None:
            self.indices = _read_names(self.names_file, names)
        else:
            labels = ([_labels(info) for info in infos] if self.stratify
                      else None)
            order = nested_order(names, self.seed, labels)
            # half up, not to the even number
            count = max(1, int(self.fraction * len(names) + 0.5))
            self.indices = sorted(order[:count])
        self._names = [names[i] for i in self.indices]
        self._ready = True
        print_log(f'SubsetDataset: {len(self.indices)} of {len(names)} '
                  'images', logger='current')

    def write_names(self, path: str) -> Path:
        """Write the names of the chosen images, one a line.

        Args:
            path (str): A text file.
        """
        self.full_init()
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('\n'.join(sorted(self._names)) + '\n')
        return file

    def get_data_info(self, idx: int) -> dict:
        """Annotation of a chosen image."""
        self.full_init()
        return self.dataset.get_data_info(self.indices[idx])

    def __len__(self) -> int:
        self.full_init()
        return len(self.indices)

    def __getitem__(self, idx: int) -> Any:
        self.full_init()
        return self.dataset[self.indices[idx]]


def nested_order(names: Sequence[str], seed: int = 0,
                 labels: Optional[Sequence[Sequence[int]]] = None
                 ) -> list[int]:
    """An order whose every beginning is a fair sample.

    Args:
        names (Sequence[str]): Unique; their order in the list is irrelevant.
        seed (int): Defaults to 0.
        labels (Sequence[Sequence[int]], optional): Classes in each image,
            for a stratified order.

    Returns:
        list[int]: Indices into ``names``.
    """
    by_name = sorted(range(len(names)), key=lambda i: names[i])
    shuffled = np.random.default_rng(seed).permutation(len(names))
    order = [by_name[i] for i in shuffled]
    if labels is None:
        return order
    counts = Counter(label for each in labels for label in set(each))
    groups: dict[int, list[int]] = defaultdict(list)
    for index in order:
        # The rarest class; images without objects are a group of their own.
        rarest = min(set(labels[index]), default=-1,
                     key=lambda label: (counts[label], label))
        groups[rarest].append(index)
    # The j-th of m belongs to any share above j / m, so that each share holds
    # the same part of every group, and at least one image of it.
    place = {index: (j / len(group), len(group), key)
             for key, group in groups.items()
             for j, index in enumerate(group)}
    return sorted(order, key=lambda index: place[index])


def _name(info: dict) -> str:
    path = info.get('img_path', info.get('img_id'))
    if isinstance(path, (list, tuple)):
        path = path[0]
    if path is None:
        raise DataError('SubsetDataset: the dataset gives neither `img_path` '
                        'nor `img_id`, by which a share is told.')
    return Path(str(path)).name


def _labels(info: dict) -> list[int]:
    if 'instances' in info:
        return [item['bbox_label'] for item in info['instances']
                if not item.get('ignore_flag')]
    if 'gt_label' in info:
        return np.atleast_1d(info['gt_label']).tolist()
    raise ConfigError('SubsetDataset: stratify=True needs boxes or image '
                      'labels, which this dataset gives only with its '
                      'pictures (segmentation): leave it out.')


def _read_names(path: str, names: Sequence[str]) -> list[int]:
    file = Path(path)
    if not file.is_file():
        raise DataError(f'SubsetDataset: names_file {path} does not exist: '
                        'write it with projects/low_data/run.py subsets.')
    wanted = [line.strip() for line in file.read_text().splitlines()
              if line.strip()]
    index = {name: i for i, name in enumerate(names)}
    unknown = [name for name in wanted if name not in index]
    if unknown:
        raise DataError(f'{path}: {len(unknown)} of {len(wanted)} names are '
                        f'not in the dataset; first: {unknown[0]}. Was it '
                        'written for another one?')
    return sorted(index[name] for name in wanted)
