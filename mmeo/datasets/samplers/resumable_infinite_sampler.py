# Copyright (c) mmeo contributors. All rights reserved.
"""An endless order of samples that no number of processes changes."""

from collections.abc import Iterator, Sized
from typing import Optional

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmeo.datasets.samplers.seeded_index import SeededIndex
from mmeo.engine.seeding import derive_seed
from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATA_SAMPLERS

# What a seed is for, beside those of TokenWeightedTrainLoop.
_AUGMENT = 3


@DATA_SAMPLERS.register_module()
class ResumableInfiniteSampler(Sampler):
    """Passes through a dataset for ever, each in an order of its own.

    All processes walk along one endless order, a permutation of the dataset
    drawn from (seed, number of the pass) behind the other, and take blocks of
    ``batch_size`` in turn: with W processes the batches ``W * m`` to
    ``W * m + W - 1`` of that order are the m-th batches of processes 0 to
    W - 1. So the first n samples that a run has seen are the same for every
    number of processes, and any place in the order is found without walking
    there (our choice; mmengine's ``InfiniteSampler`` hands out single samples
    in turn, which makes other batches).

    An index brings a seed for the augmentation of its sample, a hash of
    (seed, place in that order): ``InstructDataset`` and ``MixtureDataset``
    draw from it, in whichever process or worker they run.

    Args:
        dataset (Sized): The dataset.
        shuffle (bool): False repeats the dataset's own order. Defaults to
            True.
        seed (int, optional): The Runner gives its own; by default a random
            one that all processes share.
        batch_size (int): Samples of a process in a row. Set it to the
            dataloader's batch size to get the same batches with any number
            of processes; ``TokenWeightedTrainLoop`` does. Defaults to 1.

    Raises:
        DataError: If the dataset is empty.
        ConfigError: If ``batch_size`` is below 1.
    """

    def __init__(self,
                 dataset: Sized,
                 shuffle: bool = True,
                 seed: Optional[int] = None,
                 batch_size: int = 1) -> None:
        self.rank, self.world_size = get_dist_info()
        self.size = len(dataset)
        if not self.size:
            raise DataError(f'{type(dataset).__name__} is empty: there is '
                            'nothing to draw from')
        if batch_size < 1:
            raise ConfigError(f'batch_size={batch_size} must be 1 or more')
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.batch_size = batch_size
        self._start = 0

    def skip(self, num_samples: int) -> None:
        """Begin later; mmengine's loops call it to resume.

        Args:
            num_samples (int): How many samples of this process, counted from
                the very beginning, are left out. Takes no time.
        """
        if num_samples < 0:
            raise ConfigError(f'skip({num_samples}): give 0 or more')
        self._start = num_samples

    def order(self, number: int) -> np.ndarray:
        """``(len(dataset),)`` indices of pass ``number``, from 0."""
        if not self.shuffle:
            return np.arange(self.size)
        return np.random.default_rng((self.seed, number)).permutation(
            self.size)

    def __iter__(self) -> Iterator[SeededIndex]:
        """Yield indices for ever, from where :meth:`skip` points."""
        drawn, current, order = self._start, -1, None
        while True:
            block, within = divmod(drawn, self.batch_size)
            place = within + self.batch_size * (
                block * self.world_size + self.rank)
            number, offset = divmod(place, self.size)
            if number != current:
                current, order = number, self.order(number)
            yield SeededIndex(
                order[offset], derive_seed(self.seed, place, _AUGMENT))
            drawn += 1

    def __len__(self) -> int:
        """Length of the dataset."""
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """Nothing to do: the order is endless; mmengine's hooks call it."""
