# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes in words against true boxes."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from mmeo.codecs import decode_boxes
from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.box_iou import box_iou, match_greedily
from mmeo.registry import METRICS

from .text_metric import TextMetric

# Unit that boxes are brought to for a legacy overlap (None: pixels), and
# whether the truth is cut to whole numbers there.
LEGACY = {
    'plus_one_pixel': (None, False),
    'plus_one_100': (100., True),
    'plus_one_unit': (1., False),
}
SELECTIONS = ('first', 'best', 'only')


class Overlaps(NamedTuple):
    """What one answer is worth.

    Attributes:
        ious (np.ndarray): Of the pairs of answered and true boxes; in single
            mode one number, 0 for a failure.
        answered (int): Boxes in the answer.
        true (int): Boxes of the truth.
        repairs (int): Flaws of the text that were mended.
        unique (bool or None): Whether the truth calls the object the only
            one of its kind.
    """

    ious: np.ndarray
    answered: int
    true: int
    repairs: int
    unique: Optional[bool]


@METRICS.register_module()
class GroundingMetric(TextMetric):
    """Share of questions whose box is found (acc@0.5, acc@0.7).

    The overlap is taken in float pixels of the original image, without any
    "+ 1", between the box in the answer and ``boxes`` of the record, ``[[x1,
    y1, x2, y2], ...]`` in pixels. An answer without a box is wrong and
    counts in every denominator. Where records say whether their object is
    ``unique``, both groups are scored apart as well (VRSBench).

    Published numbers differ by how the overlap was computed. ``legacy``
    repeats three ways, only to compare with them; the names of the scores
    then begin with that of the way:

    - 'plus_one_pixel': widths and heights in pixels, plus 1;
    - 'plus_one_100': on the grid from 0 to 100, truth cut to whole numbers,
      plus 1, as VRSBench's own script does. Small boxes gain: half
      overlapping ones of 4 units have 0.429 in place of 0.333;
    - 'plus_one_unit': on coordinates from 0 to 1, plus 1, as LHRS-Bot's
      script did. All boxes overlap; the number means nothing.

    Args:
        thresholds (Sequence[float]): Least overlaps of a hit. Defaults to
            (0.5, 0.7).
        box_dialect (str): See :func:`mmeo.codecs.decode_boxes`. Defaults to
            'rsunivlm'.
        box_scale (int, optional): Greatest coordinate of the text; the
            dialect's by default.
        inclusive (bool): An overlap equal to the threshold is a hit
            (VRSBench); LHRS-Bot's script wants more. Defaults to True.
        legacy (str, optional): See above. Defaults to None.
        select (str): Which box of an answer with several is scored: the
            'first', the 'best' one (with a look at the truth, so an upper
            bound), or 'only': such an answer is wrong. Defaults to 'first'
            (our choice; nothing is published).
        multi (bool): Each question asks for all objects of the truth.
            Answered and true boxes are paired one to one, the best overlap
            first, and precision, recall and F1 taken over all boxes of the
            set (ours; a text has no confidences to rank by). Defaults to
            False.
        **kwargs: See :class:`~mmeo.evaluation.metrics.dialogue_metric.
            DialogueMetric`.

    Raises:
        ConfigError: If an option is unknown or a threshold not from 0 to 1.
    """

    default_prefix = 'grounding'

    def __init__(self,
                 thresholds: Sequence[float] = (0.5, 0.7),
                 box_dialect: str = 'rsunivlm',
                 box_scale: Optional[int] = None,
                 inclusive: bool = True,
                 legacy: Optional[str] = None,
                 select: str = 'first',
                 multi: bool = False,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if legacy is not None and legacy not in LEGACY:
            raise ConfigError(f'GroundingMetric: legacy={legacy!r} is none of '
                              f'{tuple(LEGACY)}')
        if select not in SELECTIONS:
            raise ConfigError(f'GroundingMetric: select={select!r} is none of '
                              f'{SELECTIONS}')
        if not thresholds or not all(0 <= t <= 1 for t in thresholds):
            raise ConfigError(f'GroundingMetric: thresholds={thresholds}: '
                              'give numbers from 0 to 1')
        self.thresholds = tuple(thresholds)
        self.box_dialect = box_dialect
        self.box_scale = box_scale
        self.inclusive = inclusive
        self.legacy = legacy
        self.select = select
        self.multi = multi

    def score(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """Score a test set.

        Args:
            records (Sequence[AnswerRecord]): With ``boxes``.

        Returns:
            dict[str, float]: ``acc@<t>`` and ``mean_iou`` in percent, or
            with ``multi`` ``precision@<t>``, ``recall@<t>`` and ``f1@<t>``;
            the same under ``unique/`` and ``non_unique/`` where known; and
            counts: ``questions``, ``empty`` and ``unfinished`` answers,
            those with ``no_box``, ``several_boxes``, or flaws that were
            ``repaired``.

        Raises:
            DataError: If there is no record, or the truth of one is absent
                or malformed.
        """
        found = [self._overlaps(record) for record in records]
        scores = self._summarise(found)
        for name, kind in (('unique', True), ('non_unique', False)):
            part = [item for item in found if item.unique is kind]
            if part:
                scores.update({f'{name}/{key}': value for key, value in
                               self._summarise(part).items()})
        scores.update(
            self.start(records),
            no_box=sum(not item.answered for item in found),
            several_boxes=sum(item.answered > 1 for item in found),
            repaired=sum(item.repairs > 0 for item in found))
        head = f'{self.legacy}/' if self.legacy else ''
        return {f'{head}{key}': value for key, value in scores.items()}

    def _overlaps(self, record: AnswerRecord) -> Overlaps:
        truth = self._truth(record)
        size = record.sizes[0]
        decoded = decode_boxes(
            record.answer, size, dialect=self.box_dialect,
            scale=self.box_scale)
        ious = self._ious(decoded.boxes, truth, size)  # (N, M)
        pairs = (match_greedily(ious) if self.multi else
                 np.array([self._choose(ious[:, 0])]))
        return Overlaps(pairs, len(decoded.boxes), len(truth),
                        decoded.repairs, record.annotation.get('unique'))

    def _choose(self, ious: np.ndarray) -> float:
        """Of the overlaps ``(N,)`` of an answer's boxes, the one scored."""
        if not len(ious) or self.select == 'only' and len(ious) > 1:
            return 0.
        return ious.max() if self.select == 'best' else ious[0]

    def _truth(self, record: AnswerRecord) -> np.ndarray:
        """``(M, 4)`` pixels."""
        boxes = record.annotation.get('boxes')
        try:
            truth = np.array(boxes, np.float64).reshape(-1, 4)
        except (TypeError, ValueError):
            truth = np.empty((0, 4))
        ordered = (truth[:, :2] <= truth[:, 2:]).all()  # False for nan
        if boxes is None or not len(truth) == len(boxes) > 0 or not ordered:
            raise DataError(
                f'{record.source}: `boxes` must be [[x1, y1, x2, y2], ...] in '
                f'pixels, it is {boxes!r}; convert the set with --truth')
        if not self.multi and len(truth) > 1:
            raise DataError(
                f'{record.source}: the truth has {len(truth)} boxes: score '
                'such a set with GroundingMetric(multi=True)')
        if len(record.sizes) != 1:
            raise DataError(f'{record.source}: boxes belong to one image, the '
                            f'question shows {len(record.sizes)}')
        return truth

    def _ious(self, boxes: np.ndarray, truth: np.ndarray,
              size: tuple[int, int]) -> np.ndarray:
        """``(N, M)`` overlaps of boxes in pixels."""
        if self.legacy is None:
            return box_iou(boxes, truth)
        unit, cut = LEGACY[self.legacy]
        if unit is not None:
            height, width = size
            factor = unit / np.array([width, height, width, height])
            boxes, truth = boxes * factor, truth * factor
        if cut:
            # Undoes what the division by the size may have lost.
            truth = np.floor(truth + 1e-9)
        return box_iou(boxes, truth, extra=1)

    def _hits(self, ious: np.ndarray, threshold: float) -> int:
        return int((ious >= threshold if self.inclusive
                    else ious > threshold).sum())

    def _summarise(self, found: Sequence[Overlaps]) -> dict[str, float]:
        """Scores in percent; nan of nothing."""
        ious = np.concatenate([item.ious for item in found] or [np.empty(0)])
        scores = {}
        if not self.multi:
            for threshold in self.thresholds:
                scores[f'acc@{threshold:g}'] = _percent(
                    self._hits(ious, threshold), len(found))
            return dict(scores, mean_iou=_percent(ious.sum(), len(found)))
        answered = sum(item.answered for item in found)
        true = sum(item.true for item in found)
        for threshold in self.thresholds:
            hits = self._hits(ious, threshold)
            scores[f'precision@{threshold:g}'] = _percent(hits, answered)
            scores[f'recall@{threshold:g}'] = _percent(hits, true)
            scores[f'f1@{threshold:g}'] = _percent(2 * hits, answered + true)
        return scores

    def rules(self) -> str:
        """See :class:`TextMetric`."""
        unit = self.legacy or 'float pixels of the original image, no + 1'
        sign = '>=' if self.inclusive else '>'
        several = ('all boxes, matched greedily' if self.multi else
                   f'{self.select} box of an answer')
        return (f'overlap in {unit}, hit at {sign} threshold, '
                f'{several}, answers without a box count as wrong')


def _percent(part: float, whole: float) -> float:
    return 100 * float(part) / whole if whole else float('nan')
