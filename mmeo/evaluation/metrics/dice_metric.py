# Copyright (c) mmeo contributors. All rights reserved.
"""Dice coefficient over the dataset or per image."""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from prettytable import PrettyTable

from mmeo.errors import ConfigError
from mmeo.registry import METRICS

from .change_metric import confusion


def dice(matrix: np.ndarray) -> np.ndarray:
    """Dice of each class, ``2 |P & T| / (|P| + |T|)``.

    Args:
        matrix: ``(..., K, K)`` confusions, rows true, columns predicted.

    Returns:
        ``(..., K)`` in [0, 1]; nan where a class is in neither map.
    """
    hit = np.diagonal(matrix, axis1=-2, axis2=-1).astype(np.float64)
    area = (matrix.sum(-1) + matrix.sum(-2)).astype(np.float64)
    return np.divide(2 * hit, area, out=np.full_like(hit, np.nan),
                     where=area > 0)


@METRICS.register_module()
class DiceMetric(BaseMetric):
    """Dice per class and their mean, ``mDice``, in percent.

    Args:
        average (str): 'dataset' accumulates one confusion over all images
            (mmseg's mDice); 'image' averages the Dice of the images in which
            the class occurs (true or predicted), as medical benchmarks do.
            Defaults to 'dataset'.
        ignore_classes (list[int]): Classes left out of the mean, e.g. ``[0]``
            for the background. Defaults to ().
        ignore_index (int): Label that does not count. Defaults to 255.
        collect_device (str): 'cpu' or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): Prefix of the names. Defaults to None.
    """

    def __init__(self,
                 average: str = 'dataset',
                 ignore_classes: Sequence[int] = (),
                 ignore_index: int = 255,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if average not in ('dataset', 'image'):
            raise ConfigError("DiceMetric: `average` is 'dataset' or 'image', "
                              f'got {average!r}')
        self.average = average
        self.ignore_classes = set(ignore_classes)
        self.ignore_index = ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add the confusion of each sample to ``self.results``."""
        num_classes = len(self.dataset_meta['classes'])
        for sample in data_samples:
            self.results.append(confusion(
                sample['pred_sem_seg']['data'].cpu().numpy().squeeze(),
                sample['gt_sem_seg']['data'].cpu().numpy().squeeze(),
                num_classes, self.ignore_index))

    def compute_metrics(self, results: list[np.ndarray]) -> dict[str, float]:
        """Average, print a table, return ``mDice`` and one per class."""
        stacked = np.stack(results)  # (N, K, K)
        if self.average == 'dataset':
            scores = dice(stacked.sum(0))
        else:
            per_image = dice(stacked)  # (N, K)
            seen = ~np.isnan(per_image)
            scores = np.divide(
                np.nansum(per_image, axis=0), seen.sum(0),
                out=np.full(per_image.shape[1], np.nan),
                where=seen.any(axis=0))
        names = self.dataset_meta['classes']
        kept = [i for i in range(len(names)) if i not in self.ignore_classes
                and not np.isnan(scores[i])]
        metrics = dict(mDice=100 * float(scores[kept].mean())
                       if kept else float('nan'))
        table = PrettyTable(['class', 'Dice'])
        for i, name in enumerate(names):
            if i not in self.ignore_classes:
                metrics[f'Dice.{name}'] = 100 * float(scores[i])
                table.add_row([name, f'{100 * scores[i]:.2f}'])
        MMLogger.get_current_instance().info(f'\n{table.get_string()}')
        return metrics
