# Copyright (c) mmeo contributors. All rights reserved.
"""COCO's AP with labels in the order of the dataset's classes."""

from typing import Any, Optional

from mmdet.evaluation import CocoMetric as _CocoMetric

from mmeo.datasets.coco_api import CheckedCOCO, category_ids
from mmeo.registry import METRICS


@METRICS.register_module()
class CocoMetric(_CocoMetric):
    """mmdet's ``CocoMetric`` for :class:`mmeo.datasets.CocoDataset`.

    mmdet gives label *i* to the *i*-th category of the file; here it is that
    of the *i*-th class, whatever the order of the file.

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
        """AP, AP50, ... of boxes and masks, as mmdet names them."""
        if self._coco_api is not None:
            self.cat_ids = category_ids(
                self._coco_api, self.dataset_meta['classes'], self.ann_file)
        return super().compute_metrics(results)
