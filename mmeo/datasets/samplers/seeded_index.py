# Copyright (c) mmeo contributors. All rights reserved.
"""Indices that say which random numbers their sample is augmented with."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


class SeededIndex(int):
    """Index of a sample, with the seed of its augmentation.

    An ``int`` to everyone else. It travels to the worker processes of a
    dataloader as indices do, so the numbers that a transform draws there
    depend neither on the worker nor on what it did before.

    Args:
        index (int): Of the sample in the dataset.
        seed (int): 32 bits.
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> 'SeededIndex':
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __reduce__(self) -> tuple:
        return SeededIndex, (int(self), self.seed)


@contextmanager
def seeded_by(index: int) -> Iterator[None]:
    """Draw from the seed of an index; go on as before afterwards.

    Args:
        index (int): A :class:`SeededIndex`; any other number has no effect.
    """
    if not isinstance(index, SeededIndex):
        yield
        return
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(index.seed)
    np.random.seed(index.seed)
    # Not torch.manual_seed, which seeds the GPUs as well.
    torch.default_generator.manual_seed(index.seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
