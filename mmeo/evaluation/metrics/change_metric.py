# Copyright (c) mmeo contributors. All rights reserved.
"""Change detection: how well the changed class is found."""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from prettytable import PrettyTable

from mmeo.errors import DataError
from mmeo.registry import METRICS


def confusion(pred: np.ndarray, label: np.ndarray, num_classes: int,
              ignore_index: int = 255) -> np.ndarray:
    """Confusion matrix of label maps.

    Args:
        pred: Predicted ids in [0, num_classes), any shape.
        label: True ids of the same shape.
        num_classes: Number of classes.
        ignore_index: Label that does not count. Defaults to 255.

    Returns:
        ``(num_classes, num_classes)`` int64, rows true, columns predicted.

    Raises:
        DataError: If the shapes differ or an id is out of range.
    """
    if pred.shape != label.shape:
        raise DataError(f'prediction {pred.shape} and label {label.shape} '
                        'differ in size')
    valid = label != ignore_index
    pred, label = pred[valid].astype(np.int64), label[valid].astype(np.int64)
    for name, ids in (('label', label), ('prediction', pred)):
        if ids.size and (ids.min() < 0 or ids.max() >= num_classes):
            raise DataError(f'{name} ids range from {ids.min()} to '
                            f'{ids.max()}, expected 0 to {num_classes - 1}')
    return np.bincount(
        label * num_classes + pred,
        minlength=num_classes**2).reshape(num_classes, num_classes)


def change_scores(matrix: np.ndarray) -> dict[str, float]:
    """Scores of the changed class from a 2 x 2 confusion matrix.

    With TP, FP, FN of class 1: P = TP / (TP + FP), R = TP / (TP + FN),
    F1 = 2 TP / (2 TP + FP + FN), IoU = TP / (TP + FP + FN). ``kappa`` is
    Cohen's. A score without any pixel to rest on is nan.

    Args:
        matrix: ``(2, 2)``, rows true, columns predicted.

    Returns:
        ``F1``, ``IoU``, ``precision``, ``recall``, ``OA`` and ``kappa``, in
        percent.
    """
    (tn, fp), (fn, tp) = matrix.astype(np.float64)
    total = tn + fp + fn + tp

    def ratio(part: float, whole: float) -> float:
        return float(100.0 * part / whole) if whole else float('nan')

    by_chance = ((tn + fp) * (tn + fn) + (fn + tp) * (fp + tp)) / total \
        if total else 0.0
    return dict(
        F1=ratio(2 * tp, 2 * tp + fp + fn),
        IoU=ratio(tp, tp + fp + fn),
        precision=ratio(tp, tp + fp),
        recall=ratio(tp, tp + fn),
        OA=ratio(tn + tp, total),
        kappa=ratio(tn + tp - by_chance, total - by_chance))


@METRICS.register_module()
class ChangeMetric(BaseMetric):
    """Precision, recall, F1 and IoU of the class 'changed' (id 1).

    The number that papers on change detection report: one confusion matrix
    over the whole dataset, not the mean over classes or images.

    Args:
        ignore_index (int): Label that does not count. Defaults to 255.
        collect_device (str): 'cpu' or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): Prefix of the names. Defaults to 'change'.
    """

    default_prefix: Optional[str] = 'change'

    def __init__(self,
                 ignore_index: int = 255,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 **kwargs: Any) -> None:
        super().__init__(
            collect_device=collect_device, prefix=prefix, **kwargs)
        self.ignore_index = ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add the confusion of each sample to ``self.results``."""
        for sample in data_samples:
            if 'gt_sem_seg' not in sample:
                raise DataError(
                    f'{sample.get("img_path")}: no label to compare with. Put '
                    'LoadGeoAnnotations into the pipeline.')
            pred = sample['pred_sem_seg']['data'].cpu().numpy().squeeze()
            label = sample['gt_sem_seg']['data'].cpu().numpy().squeeze()
            self.results.append(confusion(pred, label, 2, self.ignore_index))

    def compute_metrics(self, results: list[np.ndarray]) -> dict[str, float]:
        """Sum the confusions, print a table, return the scores in percent."""
        scores = change_scores(sum(results))
        table = PrettyTable(['class', *scores])
        table.add_row(['changed', *(f'{v:.2f}' for v in scores.values())])
        MMLogger.get_current_instance().info(f'\n{table.get_string()}')
        return scores
