# Copyright (c) mmeo contributors. All rights reserved.
"""Metrics of answers that are read as words."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from mmengine.logging import print_log

from mmeo.errors import DataError
from mmeo.evaluation.answers import AnswerRecord

from .dialogue_metric import DialogueMetric


class TextMetric(DialogueMetric):
    """Words against words; says by which rules, and what went amiss.

    Scores of different rules are not comparable, and few papers say theirs,
    so that every number comes with :meth:`rules`.

    Attributes:
        notes (list[str]): What a reader of the last scores must know.

    Args:
        **kwargs: See :class:`DialogueMetric`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notes: list[str] = []

    @abstractmethod
    def rules(self) -> str:
        """How answers are scored, in one line."""

    def compute_metrics(self, results: list[AnswerRecord]) -> dict:
        """Score, and log the rules and the notes."""
        scores = self.score(results)
        print_log(f'{type(self).__name__}: {self.rules()}', 'current')
        for note in self.notes:
            print_log(f'{type(self).__name__}: {note}', 'current',
                      logging.WARNING)
        return scores

    def start(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """Forget old notes and count what needs no reading.

        Returns:
            dict[str, float]: ``questions``; ``empty``: without a visible
            character; ``unfinished``: cut at the limit of new tokens.

        Raises:
            DataError: If there is nothing to score.
        """
        self.notes = []
        if not records:
            raise DataError(
                f'{type(self).__name__}: there is no answer to score'
                + (f' of the tasks {list(self.tasks)}' if self.tasks else ''))
        return dict(
            questions=len(records),
            empty=sum(not record.answer.strip() for record in records),
            unfinished=sum(not record.finished for record in records))
