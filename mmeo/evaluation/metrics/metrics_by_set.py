# Copyright (c) mmeo contributors. All rights reserved.
"""Different metrics for the parts of one test set."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.answer_scores import score_records
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.metrics.dialogue_metric import DialogueMetric
from mmeo.registry import METRICS

_PLACE = re.compile(r':\d+$|\[\d+\]$')  # line, or element of a list


@METRICS.register_module()
class MetricsBySet(DialogueMetric):
    """Scores the records of each annotation file by metrics of its own.

    An InternVL meta makes one test set of several files, so that all their
    questions are answered in one run. Masks and change masks, say, carry the
    same task token and are scored differently.

    Args:
        sets (Mapping[str, Sequence[dict]]): Name of an annotation file
            without its suffix, to its metrics. A metric has the prefix of
            its set in front of its own: ``eval_vqa/vqa/macro``.
        **kwargs: Of :class:`DialogueMetric`.

    Raises:
        ConfigError: If ``sets`` is empty, or holds something else than
            metrics of dialogues.
    """

    def __init__(self, sets: Mapping[str, Sequence[dict]],
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not sets:
            raise ConfigError('MetricsBySet: `sets` is empty')
        self.sets = {name: [METRICS.build(metric) for metric in metrics]
                     for name, metrics in sets.items()}
        for name, metrics in self.sets.items():
            for metric in metrics:
                if not isinstance(metric, DialogueMetric):
                    raise ConfigError(
                        f'MetricsBySet: {type(metric).__name__} of set '
                        f'{name!r} is no metric of dialogues')

    def check(self) -> None:
        """Each of its metrics may refuse."""
        for metrics in self.sets.values():
            for metric in metrics:
                metric.check()

    def score(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """See :class:`DialogueMetric`.

        Raises:
            DataError: If a record belongs to no set, or a set has none.
        """
        groups: dict[str, list[AnswerRecord]] = {name: []
                                                 for name in self.sets}
        for record in records:
            name = set_of(record)
            if name not in groups:
                raise DataError(f'{record.source}: MetricsBySet knows the '
                                f'sets {sorted(groups)}, none is {name!r}')
            groups[name].append(record)
        scores = {}
        for name, group in groups.items():
            if not group:
                raise DataError(f'MetricsBySet: no answer is of the set '
                                f'{name!r}')
            found = score_records(self.sets[name], group)
            scores.update({f'{name}/{key}': value
                           for key, value in found.items()})
        return scores


def set_of(record: AnswerRecord) -> str:
    """Name of a record's annotation file, without its suffix."""
    return Path(_PLACE.sub('', record.source)).stem
