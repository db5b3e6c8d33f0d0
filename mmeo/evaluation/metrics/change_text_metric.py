# Copyright (c) mmeo contributors. All rights reserved.
"""Change detection by answers that spell masks."""

from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
from mmengine.logging import print_log
from prettytable import PrettyTable

from mmeo.errors import ConfigError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.mask_truth import MaskLegend, find_change_legend
from mmeo.registry import METRICS

from .change_metric import change_scores
from .label_scores import claims_confusion, resolve_unclaimed
from .mask_text_metric import MaskTextMetric


@METRICS.register_module()
class ChangeTextMetric(MaskTextMetric):
    """Scores of the changed area from answers to ``[SEG]`` about two dates.

    A record asks for the change of one class; what no answer claims is
    unchanged. The numbers are those of
    :class:`~mmeo.evaluation.metrics.ChangeMetric`: one confusion matrix over
    the test set.

    Metrics, with the prefix ``change``, in percent: ``F1``, ``precision``,
    ``recall``, ``OA``, ``IoU`` and ``kappa`` of changed against unchanged,
    whatever the class (WHU-CD); ``oracle_F1`` and ``oracle_IoU`` for answers
    that spell the truth; ``mIoU``, ``oracle_mIoU``, ``IoU.<class>`` over the
    classes with the unchanged one, as LEVIR-MCI counts (3 classes). Counts as
    :class:`MaskTextMetric`; ``no_change_said``: pairs for which
    :class:`~mmeo.models.vlm.TwoTurnChange` did not ask for a mask.

    Args:
        label_root (str): Folder that ``mask`` of the records is relative to.
        average (str): 'dataset', or 'image' to report beside it the mean of
            each score over the images as ``F1_per_image`` and so on, which
            is not what papers on change detection report but what some
            scripts do. An image in which a score rests on no pixel is left
            out of its mean; ``undefined_F1`` counts these for F1. Defaults to
            'dataset'.
        label_values (Mapping[str, int], optional): Label value of each class
            of change. By default what the records say; 0 is unchanged.
        ignore (Sequence[int]): Label values that do not count. Defaults to
            ().
        **kwargs: ``overlap``, ``priority``, ``stitch``, ``grid``,
            ``background``, ... of :class:`MaskTextMetric`.
    """

    default_prefix = 'change'

    def __init__(self,
                 label_root: str,
                 average: str = 'dataset',
                 ignore: Sequence[int] = (),
                 **kwargs: Any) -> None:
        if 'unclaimed' in kwargs:
            raise ConfigError('ChangeTextMetric: what no answer claims is '
                              'unchanged; leave `unclaimed` out')
        super().__init__(label_root, ignore=ignore, **kwargs)
        if average not in ('dataset', 'image'):
            raise ConfigError("ChangeTextMetric: `average` is 'dataset' or "
                              f"'image', got {average!r}")
        self.average = average

    def rules(self) -> str:
        """See :class:`TextMetric`."""
        return (f'overlap {self.overlap or "by probability where known"}, '
                f'stitch={self.stitch}, grid {self.grid}; one confusion '
                'matrix over the set' + (
                    ', and means over images (..._per_image)'
                    if self.average == 'image' else ''))

    def legend(self, annotations: Sequence[Mapping[str, Any]]) -> MaskLegend:
        """Classes of change, the unchanged one first."""
        return find_change_legend(annotations, self.label_values, self.ignore)

    def target(self, classes: Sequence[str]) -> Union[int, str]:
        """Unclaimed pixels are unchanged."""
        return 0

    def score(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """See :class:`DialogueMetric` and :meth:`MaskTextMetric.score`."""
        counts = self.start(records)
        reader = self.reader(records)
        size = len(reader.legend.classes)
        images: dict[str, np.ndarray] = {}
        best = np.zeros((size, size + 1), int)
        for scene in reader.scenes(records):
            found = claims_confusion(scene.pred, scene.truth, size)
            images[scene.image_id] = images.get(scene.image_id, 0) + found
            best = best + claims_confusion(scene.best, scene.truth, size)
        matrices = [resolve_unclaimed(m, 0) for m in images.values()]
        top = resolve_unclaimed(best, 0)
        scores = self.changed(sum(matrices), top)
        if self.average == 'image':
            scores.update(per_image(matrices))
        classwise = self.summary(reader.legend.classes, sum(matrices), top)
        del classwise['aAcc']  # of several classes; OA is that of change
        counts['no_change_said'] = sum(
            bool(record.annotation.get('first_turn', {}).get('no_change'))
            for record in records)
        return {**scores, **classwise, **counts, **self.tally(reader)}

    def changed(self, matrix: np.ndarray,
                top: np.ndarray) -> dict[str, float]:
        """Scores of changed against unchanged; logs them."""
        scores = change_scores(any_change(matrix))
        oracle = change_scores(any_change(top))
        table = PrettyTable(['', *scores])
        for name, row in (('answers', scores), ('oracle', oracle)):
            table.add_row([name, *(f'{v:.2f}' for v in row.values())])
        print_log(f'\n{table.get_string()}', 'current')
        return dict(scores, oracle_F1=oracle['F1'], oracle_IoU=oracle['IoU'])


def any_change(matrix: np.ndarray) -> np.ndarray:
    """``(K, K or more)``, class 0 unchanged, to ``(2, 2)``."""
    total = matrix[:, :len(matrix)]
    return np.array([[total[0, 0], total[0, 1:].sum()],
                     [total[1:, 0].sum(), total[1:, 1:].sum()]])


def per_image(matrices: Sequence[np.ndarray]) -> dict[str, float]:
    """Mean of each score over the images that have it, in percent."""
    scores = [change_scores(any_change(matrix)) for matrix in matrices]
    means: dict[str, float] = {}
    for name in scores[0]:
        values = np.array([score[name] for score in scores])
        seen = values[~np.isnan(values)]
        means[f'{name}_per_image'] = (float(seen.mean()) if len(seen)
                                      else float('nan'))
    means['undefined_F1'] = sum(bool(np.isnan(s['F1'])) for s in scores)
    return means
