# Copyright (c) mmeo contributors. All rights reserved.
"""Scene classification by a model that says the class."""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.text.class_names import ClassNames
from mmeo.registry import DATASETS, METRICS

from .text_metric import TextMetric

FALLBACKS = ('none', 'lcs')


@METRICS.register_module()
class SceneAccuracy(TextMetric):
    """Overall accuracy and mean recall of classes, in percent.

    Papers report either as accuracy and do not always say which. Metrics,
    with the prefix ``scene``: ``accuracy`` and ``mean_recall`` (over the
    classes that the test set holds), where an answer must name a class
    exactly; letter case, spaces and punctuation do not count. With
    ``fallback='lcs'`` also ``accuracy_lcs`` and ``mean_recall_lcs``, where
    an answer that names none counts as the class that shares the longest
    substring with it, as for LHRS-Bot. Counts: ``questions``, ``classes``,
    ``empty``, ``unparsed`` (names no class) and ``unfinished``.

    Args:
        classes (Sequence[str] or str, optional): Names in the order of
            labels, or a dataset of the registry that lists them, e.g.
            'AIDDataset'. Defaults to None: those of the test dataset.
        fallback (str): 'none' or 'lcs'. Defaults to 'none'.
        classwise (bool): Also return ``recall.<name>`` of each class.
            Defaults to False.
        tasks (Sequence[str], optional): Defaults to None, all.
        prefix (str, optional): Defaults to None, 'scene'.
        collect_device (str): Defaults to 'cpu'.

    The annotation of a record has the true class in ``label``, a name or an
    index; without it, the annotated answer is the name.
    """

    default_prefix = 'scene'

    def __init__(self,
                 classes: Union[Sequence[str], str, None] = None,
                 fallback: str = 'none',
                 classwise: bool = False,
                 tasks: Optional[Sequence[str]] = None,
                 prefix: Optional[str] = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(tasks=tasks, prefix=prefix,
                         collect_device=collect_device)
        if fallback not in FALLBACKS:
            raise ConfigError(f'SceneAccuracy: fallback={fallback!r}: choose '
                              f'one of {list(FALLBACKS)}')
        self.classes = classes
        self.fallback = fallback
        self.classwise = classwise

    def rules(self) -> str:
        """See :class:`TextMetric`."""
        return ('an answer must name a class, case, spaces and punctuation '
                f'aside; fallback {self.fallback!r}')

    def score(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """See :class:`DialogueMetric`."""
        counts = self.start(records)
        names = ClassNames(self._class_names())
        truth = np.array([_true_label(record, names) for record in records])
        said = [names.find(record.answer) for record in records]
        counts['unparsed'] = sum(
            label is None and bool(record.answer.strip())
            for label, record in zip(said, records))
        counts['classes'] = len(np.unique(truth))
        recalls = _recalls(truth, said)
        scores = dict(accuracy=_accuracy(truth, said),
                      mean_recall=float(np.mean(list(recalls.values()))))
        if self.fallback == 'lcs':
            near = [names.nearest(record.answer) if label is None else label
                    for label, record in zip(said, records)]
            recalls = _recalls(truth, near)
            scores.update(
                accuracy_lcs=_accuracy(truth, near),
                mean_recall_lcs=float(np.mean(list(recalls.values()))))
        if self.classwise:
            scores.update({f'recall.{names.names[label]}': value
                           for label, value in recalls.items()})
        return {**scores, **counts}

    def _class_names(self) -> Sequence[str]:
        classes = self.classes
        if isinstance(classes, str):
            dataset = DATASETS.get(classes)
            classes = getattr(dataset, 'METAINFO', {}).get('classes')
            if not classes:
                raise ConfigError(
                    f'SceneAccuracy: classes={self.classes!r} is no dataset '
                    'that lists `classes`: give the names themselves')
        classes = classes or (self.dataset_meta or {}).get('classes')
        if not classes:
            raise ConfigError(
                'SceneAccuracy needs `classes`, the names that an answer may '
                'give: the test dataset does not list them')
        return classes


def _true_label(record: AnswerRecord, names: ClassNames) -> int:
    label = record.annotation.get('label', record.reference)
    found = names.find(label) if isinstance(label, str) else label
    if not isinstance(found, int) or not 0 <= found < len(names.names):
        raise DataError(f'{record.source}: the true class {label!r} is none '
                        f'of the {len(names.names)} `classes`')
    return found


def _accuracy(truth: np.ndarray, said: Sequence[Optional[int]]) -> float:
    return 100 * float(np.mean(truth == _array(said)))


def _recalls(truth: np.ndarray,
             said: Sequence[Optional[int]]) -> dict[int, float]:
    """Percent of the samples of each class that are found."""
    right = truth == _array(said)
    return {int(label): 100 * float(right[truth == label].mean())
            for label in np.unique(truth)}


def _array(labels: Sequence[Optional[int]]) -> np.ndarray:
    """-1, which no class has, for None."""
    return np.array([-1 if label is None else label for label in labels])
