# Copyright (c) mmeo contributors. All rights reserved.
"""Several datasets in exact proportions."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmeo.datasets.instruct_records import repeat_indices
from mmeo.errors import ConfigError
from mmeo.registry import DATASETS


@DATASETS.register_module()
class MixtureDataset:
    """Concatenation of datasets, each repeated by any positive factor.

    Dataset i contributes exactly ``int(len * repeat)`` samples: whole copies
    and, for the fraction, a subset drawn with a seed (see
    :func:`~mmeo.datasets.instruct_records.repeat_indices`). Order and
    content depend on the seed only, so all ranks and a resumed run agree.

    Args:
        datasets (Sequence[dict or BaseDataset]): The parts.
        repeats (Sequence[float], optional): One factor each; 1 by default.
        seed (int): Defaults to 0.
        lazy_init (bool): Read the annotations when first needed. Defaults to
            False.

    Raises:
        ConfigError: If the numbers of datasets and repeats differ.
    """

    def __init__(self,
                 datasets: Sequence[Union[dict, BaseDataset]],
                 repeats: Optional[Sequence[float]] = None,
                 seed: int = 0,
                 lazy_init: bool = False) -> None:
        self.repeats = list(repeats or [1] * len(datasets))
        if not datasets or len(self.repeats) != len(datasets):
            raise ConfigError(f'MixtureDataset: {len(datasets)} datasets and '
                              f'{len(self.repeats)} repeats; give one each')
        self.datasets = [
            DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
            for dataset in datasets
        ]
        self.seed = seed
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
            index = repeat_indices(len(dataset), repeat, self.seed + i)
            parts.append(np.stack([np.full_like(index, i), index], 1))
        self._order = np.concatenate(parts)  # (N, 2): dataset, sample
        for i, part in enumerate(parts):
            print_log(
                f'mixture part {i}: {len(self.datasets[i])} samples x '
                f'{self.repeats[i]} = {len(part)} '
                f'({len(part) / max(len(self._order), 1):.1%})', 'current')

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
        return self.datasets[which][int(index)]
