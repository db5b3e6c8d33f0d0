# Copyright (c) mmeo contributors. All rights reserved.
"""What the metrics of answers in words share."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Optional

from mmengine.evaluator import BaseMetric

from mmeo.evaluation.answers import AnswerRecord


class DialogueMetric(BaseMetric):
    """A score of answers.

    It collects :class:`~mmeo.evaluation.answers.AnswerRecord` and scores them
    by :meth:`score`, which needs neither model nor images in memory, so that
    a file of answers can be scored again later.

    Args:
        tasks (Sequence[str], optional): Score only the records of these
            tasks (keys of :data:`mmeo.codecs.TASKS`). By default all.
        prefix (str, optional): Of the names of the scores.
        collect_device (str): Defaults to 'cpu'.
    """

    def __init__(self,
                 tasks: Optional[Sequence[str]] = None,
                 prefix: Optional[str] = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.tasks = tasks and tuple(tasks)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the records of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Dicts of ``DialogueSample``.
        """
        for sample in data_samples:
            if not self.tasks or sample.get('task', '') in self.tasks:
                self.results.append(AnswerRecord.from_sample(sample))

    def compute_metrics(self, results: list[AnswerRecord]) -> dict:
        """See :meth:`score`."""
        return self.score(results)

    def check(self) -> None:
        """Refuse what cannot be scored on this machine.

        A test calls it before the first answer. By default nothing is asked
        for.

        Raises:
            ConfigError: If something that the metric needs is absent.
        """

    @abstractmethod
    def score(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """Score a whole test set.

        Malformed answers count as wrong, are counted, and never raise.

        Args:
            records (Sequence[AnswerRecord]): Each once, in any order.

        Returns:
            dict[str, float]: Shares in percent, and counts.
        """
