# Copyright (c) mmeo contributors. All rights reserved.
"""Batches of dialogues that take about as long to answer."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from mmeo.codecs import task_of
from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATA_SAMPLERS


@dataclass(frozen=True)
class Workload:
    """What a sample costs to answer, as far as its annotation tells.

    Attributes:
        source (str): Annotation ``file:line``.
        task (str): Key of :data:`mmeo.codecs.TASKS`, '' without token.
        images (tuple[str, ...]): Paths of what it shows.
        prompt (int): Characters before the answer.
        answer (int): Characters of the annotated answer.
    """

    source: str
    task: str
    images: tuple[str, ...]
    prompt: int
    answer: int

    @property
    def group(self) -> tuple[str, int]:
        """Samples of different groups never share a batch."""
        return self.task, len(self.images)


def workload_of(info: dict[str, Any]) -> Workload:
    """Read it from a sample of ``InstructDataset`` before its pipeline."""
    texts = [turn.get('value', turn.get('content'))
             for turn in info['conversations']]
    return Workload(
        source=info['source'],
        # An unknown token is the pipeline's to report, with the source.
        task=task_of(texts[-2], strict=False),
        images=tuple(info['img_paths']),
        prompt=sum(map(len, texts[:-1])),
        answer=len(texts[-1]))


def length_bucket(length: int) -> int:
    """Number of a range of lengths whose ends differ by a factor of 1.4.

    Lengths up to 24 characters, a box or a word, are one range.
    """
    return round(2 * math.log2(max(length, 24)))


@DATA_SAMPLERS.register_module()
class LengthBatchSampler(Sampler):
    """Sorts a test set by length and cuts it into batches (our choice).

    In a batch every row takes as many steps as its longest answer and as
    many positions as its longest prompt, so rows of about the same length
    belong together. Batches hold one task and one number of images; within
    those, samples are ordered by the length of the annotated answer (which
    only plans, and is never shown to the model), in steps of a factor of
    1.4. Among equals, questions about the same images stand together, which
    the model reads once for all of them, and where each has images of its
    own the length of the prompt decides. The longest come first: a batch too
    large for the memory fails at once, and the time left is not underrated.

    The batches are the same for any number of processes, which take them in
    turn; nothing is repeated to make their numbers equal.

    Args:
        sampler (Sampler): Has the ``dataset``; its order is not used.
        batch_size (int): Samples of a batch; the last of a group has fewer.
        by_length (bool): False keeps the order of the dataset within a
            group, to compare with. Defaults to True.

    Raises:
        ConfigError: If ``batch_size`` is below 1, or the sampler does not
            tell its dataset.
        DataError: If two samples have the same ``source``.
    """

    def __init__(self,
                 sampler: Sampler,
                 batch_size: int,
                 by_length: bool = True) -> None:
        if batch_size < 1:
            raise ConfigError(f'batch_size={batch_size} must be 1 or more')
        dataset = getattr(sampler, 'dataset', None)
        if dataset is None:
            raise ConfigError(
                f'LengthBatchSampler: a {type(sampler).__name__} does not '
                "tell its dataset; use `sampler=dict(type='DefaultSampler', "
                'shuffle=False)`')
        self.sampler = sampler
        self.batch_size = batch_size
        self.rank, self.world_size = get_dist_info()
        self.workloads = [workload_of(dataset.get_data_info(i))
                          for i in range(len(dataset))]
        self.sources = [load.source for load in self.workloads]
        if len(set(self.sources)) < len(self.sources):
            raise DataError('samples of the test set share a `source`: an '
                            'answer would not tell whose it is; test every '
                            'record once')
        self._batches = self._cut(by_length)[self.rank::self.world_size]
        self._left = self._batches

    def _cut(self, by_length: bool) -> list[list[int]]:
        """All batches of all processes."""
        groups: dict[tuple[str, int], list[int]] = {}
        for index, load in enumerate(self.workloads):
            groups.setdefault(load.group, []).append(index)
        batches = []
        for _, indices in sorted(groups.items()):
            if by_length:
                indices = self._sort(indices)
            batches += [indices[start:start + self.batch_size]
                        for start in range(0, len(indices), self.batch_size)]
        return batches

    def _sort(self, indices: list[int]) -> list[int]:
        loads = {index: self.workloads[index] for index in indices}
        shared = len({load.images for load in loads.values()}) < len(indices)

        def order(index: int) -> tuple:
            load = loads[index]
            return (length_bucket(load.answer), load.images if shared else (),
                    load.prompt, -index)

        return sorted(indices, key=order, reverse=True)

    def skip(self, sources: Collection[str]) -> None:
        """Leave out batches that have been answered.

        A batch of which some samples are not answered is kept whole: an
        answer may depend in its last digits on the rows beside it, and a
        resumed run should give those of an uninterrupted one.

        Args:
            sources (Collection[str]): Of the answered samples.
        """
        done = frozenset(sources)
        self._left = [
            batch for batch in self._batches
            if not all(self.sources[index] in done for index in batch)
        ]

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of this process as lists of indices."""
        yield from self._left

    def __len__(self) -> int:
        """Batches of this process that are left."""
        return len(self._left)
