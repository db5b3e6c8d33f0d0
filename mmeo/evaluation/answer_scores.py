# Copyright (c) mmeo contributors. All rights reserved.
"""Scores of answers that are there already."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from mmengine.evaluator import BaseMetric

from mmeo.errors import ConfigError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.metrics.dialogue_metric import DialogueMetric


def score_records(metrics: Iterable[BaseMetric],
                  records: Sequence[AnswerRecord]) -> dict[str, Any]:
    """Score a whole test set by every metric, in this process alone.

    Args:
        metrics (Iterable[BaseMetric]): A :class:`DialogueMetric` gets the
            records of its tasks, and logs its rules; any other
            (``DumpResults``) gets the records as dicts.
        records (Sequence[AnswerRecord]): Each once.

    Returns:
        dict: Scores by name, with the metric's prefix in front.

    Raises:
        ConfigError: If two metrics give the same name.
    """
    scores: dict[str, Any] = {}
    for metric in metrics:
        for name, value in _score(metric, records).items():
            name = f'{metric.prefix}/{name}' if metric.prefix else name
            if name in scores:
                raise ConfigError(f'test_evaluator: two metrics give a score '
                                  f'{name!r}: set `prefix` of one of them')
            scores[name] = value
    return scores


def _score(metric: BaseMetric, records: Sequence[AnswerRecord]) -> dict:
    if isinstance(metric, DialogueMetric):
        return metric.compute_metrics([
            record for record in records
            if not metric.tasks or record.task in metric.tasks
        ])
    metric.process(None, [asdict(record) for record in records])
    scores = metric.compute_metrics(metric.results)
    metric.results.clear()
    return scores
