# Copyright (c) mmeo contributors. All rights reserved.
"""Semantic change segmentation of time series (DynamicEarthNet)."""

import zlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from prettytable import PrettyTable

from mmeo.datasets.series_seg import month_number
from mmeo.errors import ConfigError, DataError
from mmeo.registry import METRICS

from .change_metric import confusion


class PairCounts(NamedTuple):
    """Counts of one pair of dates, or the sum over pairs.

    Args:
        binary (ndarray): ``(2, 2)`` int64, rows true change, columns
            predicted change.
        semantic (ndarray): ``(K, K)`` int64 over the pixels that truly
            changed, rows the true class of the later date, columns the
            predicted one.
    """

    binary: np.ndarray
    semantic: np.ndarray


def count_pair(preds: tuple[np.ndarray, np.ndarray],
               labels: tuple[np.ndarray, np.ndarray],
               num_classes: int,
               ignore_index: int = 255,
               skip_ignored: bool = False) -> PairCounts:
    """Compare two dates of one place.

    Change, true or predicted, is where the class of the later date differs
    from that of the earlier one. As in the authors' evaluation, a pixel that
    turns into, or from, the ignored label counts as changed in the binary
    part and does not count in the semantic part.

    Args:
        preds: Predicted ids ``(H, W)`` of the earlier and the later date.
        labels: True ids of both.
        num_classes: Number of classes K.
        ignore_index: Label without class. Defaults to 255.
        skip_ignored: Leave pixels that either date ignores out of the binary
            part, too (our option). Defaults to False.

    Returns:
        PairCounts: Counts of the pair.

    Raises:
        DataError: If sizes differ or ids are out of range.
    """
    true = labels[0] != labels[1]
    found = preds[0] != preds[1]
    valid = np.ones_like(true)
    if skip_ignored:
        valid = (labels[0] != ignore_index) & (labels[1] != ignore_index)
    return PairCounts(
        confusion(found[valid].astype(np.uint8), true[valid].astype(np.uint8),
                  2),
        confusion(preds[1][true], labels[1][true], num_classes,
                  ignore_index))


def scs_scores(counts: PairCounts) -> dict[str, float]:
    """BC, SC and SCS, in percent.

    BC is the IoU of change; SC the mean IoU, on truly changed pixels, of the
    classes that occur there; ``SCS = (BC + SC) / 2``. A part without any
    pixel to rest on is nan: without true change there is no SC.

    Args:
        counts: Sums over all pairs.

    Returns:
        dict: ``SCS``, ``BC`` and ``SC``.
    """
    (_, wrong), (missed, hit) = counts.binary.astype(np.float64)
    union = hit + wrong + missed
    bc = hit / union if union else float('nan')
    ious = semantic_ious(counts.semantic)
    sc = float(np.nanmean(ious)) if not np.isnan(ious).all() else float('nan')
    return dict(SCS=50 * (bc + sc), BC=100 * bc, SC=100 * sc)


def semantic_ious(matrix: np.ndarray) -> np.ndarray:
    """IoU per class, ``(K, )`` in [0, 1]; nan where no pixel is of it."""
    hit = matrix.diagonal().astype(np.float64)
    true = matrix.sum(1)
    return np.divide(hit, true + matrix.sum(0) - hit,
                     out=np.full_like(hit, np.nan), where=true > 0)


@METRICS.register_module()
class SCSMetric(BaseMetric):
    """Semantic change segmentation score of DynamicEarthNet.

    Models predict each month alone; the metric pairs the months of each area
    (post-classification change). Data samples carry ``place`` (the area) and
    ``month`` ('YYYY-MM') among their meta keys.

    Following the authors' evaluation (Toker et al., CVPR 2022): pairs are a
    month and the next one; the counts of all pairs of all areas are summed
    before any ratio, thus long series and large areas weigh more; SC looks
    at the later month and averages over classes that truly occur. They print
    means over areas as well, ``*_per_area`` here.

    Args:
        interval (int): Months between the dates of a pair. Defaults to 1.
        ignore_index (int): Label without class. Defaults to 255.
        skip_ignored (bool): See :func:`count_pair`. Defaults to False.
        collect_device (str): 'cpu' or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): Prefix of the names. Defaults to 'change'.

    Raises:
        ConfigError: If ``interval`` is not positive.
        DataError: If labels or meta keys are absent, a month comes twice, or
            no two months make a pair.
    """

    default_prefix: Optional[str] = 'change'

    def __init__(self,
                 interval: int = 1,
                 ignore_index: int = 255,
                 skip_ignored: bool = False,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 **kwargs: Any) -> None:
        super().__init__(
            collect_device=collect_device, prefix=prefix, **kwargs)
        if interval < 1:
            raise ConfigError('SCSMetric: `interval` is a number of months, '
                              f'at least 1, got {interval}')
        self.interval = interval
        self.ignore_index = ignore_index
        self.skip_ignored = skip_ignored

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep prediction and label of each sample, compressed.

        Pairs may be split over batches and ranks. Maps of classes shrink to
        some percent, so that a whole test set fits into memory.
        """
        for sample in data_samples:
            for key in ('gt_sem_seg', 'place', 'month'):
                if key not in sample:
                    raise DataError(
                        f'SCSMetric: {sample.get("img_path")} carries no '
                        f'`{key}`. Load labels in the pipeline, and keep '
                        "'place' and 'month' in the `meta_keys` of its last "
                        'transform.')
            pred, label = (
                sample[key]['data'].cpu().numpy().squeeze().astype(np.uint8)
                for key in ('pred_sem_seg', 'gt_sem_seg'))
            if pred.shape != label.shape:
                raise DataError(
                    f'SCSMetric: {sample["place"]}, {sample["month"]}: '
                    f'prediction {pred.shape} and label {label.shape} differ '
                    'in size')
            self.results.append(
                (sample['place'], month_number(sample['month']),
                 label.shape, *(zlib.compress(x.tobytes(), 1)
                                for x in (pred, label))))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Pair the months, sum, print a table, return the scores."""
        series: dict[str, dict[int, tuple]] = defaultdict(dict)
        for place, month, *maps in results:
            if month in series[place]:
                raise DataError(
                    f'SCSMetric: area {place} has month {month // 12}-'
                    f'{month % 12 + 1:02d} twice; give each image its own '
                    '`month`, or predict whole images instead of tiles.')
            series[place][month] = maps
        areas = {place: self._count_area(months)
                 for place, months in series.items()}
        pairs = sum(len(found) for found in areas.values())
        if not pairs:
            raise DataError(
                f'SCSMetric: none of {len(results)} images has a counterpart '
                f'{self.interval} month(s) later. Evaluate whole series.')
        sums = {place: _add(found) for place, found in areas.items() if found}
        total = _add(list(sums.values()))
        scores = scs_scores(total)
        for name in ('SCS', 'BC', 'SC'):
            values = [scs_scores(counts)[name] for counts in sums.values()]
            scores[f'{name}_per_area'] = float(
                np.mean([v for v in values if not np.isnan(v)] or [np.nan]))
        self._print(scores, total, pairs, len(sums))
        return scores

    def _count_area(self, months: dict[int, tuple]) -> list[PairCounts]:
        classes = len(self.dataset_meta['classes'])
        return [
            count_pair(*zip(_open(*months[month]),
                            _open(*months[month + self.interval])),
                       classes, self.ignore_index, self.skip_ignored)
            for month in sorted(months) if month + self.interval in months]

    def _print(self, scores: dict[str, float], total: PairCounts, pairs: int,
               areas: int) -> None:
        table = PrettyTable(['class of the later month', 'IoU on change'])
        names = self.dataset_meta['classes']
        for name, iou in zip(names, semantic_ious(total.semantic)):
            table.add_row([name, f'{100 * iou:.2f}'])
        line = ', '.join(f'{k} {scores[k]:.2f}' for k in ('SCS', 'BC', 'SC'))
        MMLogger.get_current_instance().info(
            f'\n{table.get_string()}\n{line}; {pairs} pairs of months in '
            f'{areas} areas')


def _open(shape: tuple, pred: bytes, label: bytes
          ) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and label of one month, ``(H, W)`` uint8."""
    first, second = (np.frombuffer(zlib.decompress(x), np.uint8)
                     .reshape(shape) for x in (pred, label))
    return first, second


def _add(counts: Sequence[PairCounts]) -> PairCounts:
    return PairCounts(*(sum(parts) for parts in zip(*counts)))
