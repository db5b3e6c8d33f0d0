# Copyright (c) mmeo contributors. All rights reserved.
"""Micro and macro measures of multi-label classification."""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
from mmengine.logging import MMLogger
from mmpretrain.evaluation import AveragePrecision
from mmpretrain.evaluation import MultiLabelMetric as _MultiLabelMetric
from prettytable import PrettyTable

from mmeo.registry import METRICS


def average_precision(scores: np.ndarray, target: np.ndarray) -> float:
    """Area under the precision-recall curve, as a sum over its steps.

    Samples of equal score enter the curve together, so that the result does
    not depend on their order; mmpretrain's ``AveragePrecision`` takes them
    one by one.

    Args:
        scores (ndarray): ``(N, )``, any range.
        target (ndarray): ``(N, )`` bool or 0 and 1.

    Returns:
        float: In [0, 1]; nan without a positive sample.
    """
    order = np.argsort(-scores, kind='stable')
    scores, target = scores[order], target[order].astype(np.float64)
    hits = target.cumsum()
    if not len(hits) or hits[-1] == 0:
        return float('nan')
    # Last sample of each group of equal scores.
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    precision = hits[ends] / (ends + 1)
    steps = np.diff(hits[ends], prepend=0) / hits[-1]
    return float((precision * steps).sum())


@METRICS.register_module()
class MultiLabelMetric(AveragePrecision):
    """mAP, F1, precision and recall, micro and macro, in percent.

    Macro averages over classes; micro takes all pairs of sample and class as
    one problem. BigEarthNet is reported both ways; the paper does not say
    which its mAP is. Classes without a positive sample have no average
    precision and are left out of its macro mean, and named in the log.

    Metrics: ``mAP_micro``, ``mAP_macro``, ``f1_micro``, ``f1_macro``,
    ``precision_*``, ``recall_*``.

    Args:
        thr (float): Scores from here on are positive, for all but mAP.
            Defaults to 0.5.
        classwise (bool): Also return the average precision of each class.
            Defaults to False.
        collect_device (str): 'cpu' or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): Prefix of the names. Defaults to None,
            'multi-label'.
    """

    def __init__(self,
                 thr: float = 0.5,
                 classwise: bool = False,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.thr = thr
        self.classwise = classwise

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Measure, print a table of classes.

        Args:
            results (list[dict]): ``pred_score`` and ``gt_score`` ``(C, )`` of
                each sample.
        """
        scores = np.stack([_array(r['pred_score']) for r in results])
        target = np.stack([_array(r['gt_score']) for r in results])
        precision = np.array([average_precision(s, t)
                              for s, t in zip(scores.T, target.T)])
        seen = ~np.isnan(precision)
        metrics = dict(
            mAP_micro=100 * average_precision(scores.ravel(), target.ravel()),
            mAP_macro=(100 * float(precision[seen].mean()) if seen.any()
                       else float('nan')))
        for average in ('micro', 'macro'):
            values = _MultiLabelMetric.calculate(
                scores, target, average=average, thr=self.thr)
            for name, value in zip(('precision', 'recall', 'f1'), values):
                metrics[f'{name}_{average}'] = float(value)
        names = self._names(len(precision))
        self._log(names, precision, target)
        if self.classwise:
            metrics.update({f'AP.{name}': 100 * value
                            for name, value in zip(names, precision)})
        return metrics

    def _names(self, count: int) -> Sequence[str]:
        meta: Any = self.dataset_meta or {}
        return meta.get('classes') or [str(i) for i in range(count)]

    @staticmethod
    def _log(names: Sequence[str], precision: np.ndarray,
             target: np.ndarray) -> None:
        table = PrettyTable(['class', 'positives', 'AP'])
        for name, value, count in zip(names, precision, target.sum(0)):
            table.add_row([name, int(count), f'{100 * value:.2f}'])
        logger = MMLogger.get_current_instance()
        logger.info(f'\n{table.get_string()}')
        absent = [name for name, value in zip(names, precision)
                  if np.isnan(value)]
        if absent:
            logger.warning(f'{len(absent)} classes without a positive sample '
                           f'are left out of mAP_macro: {", ".join(absent)}')


def _array(value: Any) -> np.ndarray:
    return value.detach().cpu().float().numpy()
