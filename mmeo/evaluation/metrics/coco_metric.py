# Copyright (c) mmeo contributors. All rights reserved.
"""COCO's AP with labels in the order of the dataset's classes."""

import logging
from itertools import compress
from typing import Any, Optional

import numpy as np
from mmdet.evaluation import CocoMetric as _CocoMetric
from mmengine.logging import print_log

from mmeo.datasets.coco_api import CheckedCOCO, category_ids
from mmeo.registry import METRICS


@METRICS.register_module()
class CocoMetric(_CocoMetric):
    """mmdet's ``CocoMetric`` for :class:`mmeo.datasets.CocoDataset`.

    mmdet gives label *i* to the *i*-th category of the file; here it is that
    of the *i*-th class, whatever the order of the file. A head may have more
    classes than the dataset (ViTP's heads for SSDD have COCO's 80): what it
    predicts beyond the dataset's classes is left out, and counted in the log.

    Args:
        ann_file (str, optional): COCO file of the ground truth. None takes
            the boxes of the dataset. Defaults to None.
        **kwargs: As for mmdet's.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it is damaged, or lacks a class of the dataset.
    """

    def __init__(self, ann_file: Optional[str] = None, **kwargs: Any) -> None:
        super().__init__(ann_file=None, **kwargs)
        self.ann_file = ann_file
        if ann_file is not None:
            self._coco_api = CheckedCOCO(ann_file)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """AP, AP50, ... of boxes and masks, as mmdet names them.

        Where nothing was found at all mmdet has no metrics; here AP is 0.
        """
        if self._coco_api is not None:
            self.cat_ids = category_ids(
                self._coco_api, self.dataset_meta['classes'], self.ann_file)
        results = self._without_strangers(results)
        metrics = super().compute_metrics(results)
        if not any(len(found['labels']) for _, found in results):
            metrics.update((f'{kind}_mAP{suffix}', 0.0)
                           for kind in self.metrics if kind != 'proposal'
                           for suffix in ('', '_50', '_75'))
        return metrics

    def _without_strangers(self, results: list) -> list:
        """Leave out predictions whose label is none of the dataset's."""
        number = len(self.dataset_meta['classes'])
        strangers = sum(int((found['labels'] >= number).sum())
                        for _, found in results)
        if not strangers:
            return results
        total = sum(len(found['labels']) for _, found in results)
        print_log(
            f'{strangers} of {total} predictions are left out: their label is '
            f'none of the {number} classes of the dataset. The head has more '
            '(`num_classes`).', logger='current', level=logging.WARNING)
        return [(truth, _keep(found, found['labels'] < number))
                for truth, found in results]


def _keep(found: dict, kept: np.ndarray) -> dict:
    """Predictions of one image where ``kept``, ``(N, )`` bool, is true."""
    out = {}
    for key, value in found.items():
        if isinstance(value, np.ndarray):
            value = value[kept]
        elif key == 'masks':  # run lengths, a list
            value = list(compress(value, kept))
        out[key] = value
    return out
