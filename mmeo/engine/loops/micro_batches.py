# Copyright (c) mmeo contributors. All rights reserved.
"""All micro-batches of an optimiser step, drawn before the first is used."""

from collections.abc import Iterator
from typing import Any

from mmeo.errors import ConfigError


class MicroBatches:
    """Groups the batches of mmengine's endless dataloader iterator.

    Args:
        batches (Iterator): Has mmengine's ``skip_iter``.
        counts (int): Micro-batches of a step.
    """

    def __init__(self, batches: Any, counts: int) -> None:
        self.batches = batches
        self.counts = counts

    def __iter__(self) -> Iterator[list]:
        return self

    def __next__(self) -> list:
        return [next(self.batches) for _ in range(self.counts)]

    def skip_iter(self, num_iters: int) -> None:
        """Leave out the batches of ``num_iters`` steps."""
        self.batches.skip_iter(num_iters * self.counts)


def count_micro_batches(global_batch_size: int, batch_size: int,
                        world_size: int) -> int:
    """Micro-batches of one process in one optimiser step.

    Args:
        global_batch_size (int): Samples of a step over all processes.
        batch_size (int): Samples of a micro-batch.
        world_size (int): Processes.

    Raises:
        ConfigError: If the sizes do not divide.
    """
    counts, rest = divmod(global_batch_size, batch_size * world_size)
    if rest or counts < 1:
        raise ConfigError(
            f'global_batch_size={global_batch_size} is no multiple of '
            f'{world_size} process(es) x batch_size={batch_size}. Change '
            '`train_dataloader.batch_size`, `train_cfg.global_batch_size` or '
            'the number of processes.')
    return counts
