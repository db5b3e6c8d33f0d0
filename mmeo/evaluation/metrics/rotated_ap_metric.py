# Copyright (c) mmeo contributors. All rights reserved.
"""AP of oriented boxes, evaluated in the running process."""

from typing import Any

import numpy as np
import torch
from mmcv.ops import box_iou_rotated
from mmdet.evaluation.functional import average_precision
from mmengine.logging import MMLogger
from mmrotate.evaluation import DOTAMetric
from prettytable import PrettyTable

from mmeo.errors import ConfigError
from mmeo.registry import METRICS


def match(dets: np.ndarray, gts: np.ndarray, ignored: np.ndarray,
          iou_thr: float) -> tuple[np.ndarray, np.ndarray]:
    """Match the detections of one class in one image, VOC rule.

    In order of falling score a detection takes the truth it overlaps most; a
    second one on the same truth is false, one on an ignored box counts
    neither way.

    Args:
        dets: ``(m, 6)``: cx, cy, w, h (pixels), angle (radians), score.
        gts: ``(n, 5)``.
        ignored: ``(k, 5)``.
        iou_thr: Least rotated IoU of a match.

    Returns:
        tp and fp, ``(m,)`` bool each.
    """
    tp, fp = np.zeros(len(dets), bool), np.zeros(len(dets), bool)
    boxes = np.concatenate((gts, ignored))
    if not len(dets) or not len(boxes):
        fp[:] = True
        return tp, fp
    ious = box_iou_rotated(
        torch.as_tensor(dets[:, :5], dtype=torch.float32).contiguous(),
        torch.as_tensor(boxes, dtype=torch.float32).contiguous()).numpy()
    best, overlap = ious.argmax(axis=1), ious.max(axis=1)
    taken: set[int] = set()
    for i in np.argsort(-dets[:, 5], kind='stable'):
        if overlap[i] < iou_thr or best[i] in taken:
            fp[i] = True
        elif best[i] < len(gts):
            tp[i] = True
            taken.add(best[i])
    return tp, fp


def rotated_ap(dets: list[np.ndarray], gts: list[np.ndarray],
               ignored: list[np.ndarray], iou_thr: float = 0.5,
               mode: str = '11points') -> dict[str, Any]:
    """AP of one class over a dataset.

    Args:
        dets: Per image ``(m, 6)``.
        gts: Per image ``(n, 5)``.
        ignored: Per image ``(k, 5)``.
        iou_thr: Least rotated IoU of a match. Defaults to 0.5.
        mode: '11points' (VOC 2007) or 'area'. Defaults to '11points'.

    Returns:
        ``ap``, ``recall`` (both in [0, 1]), ``num_gts``, ``num_dets``.
    """
    matches = [match(*image, iou_thr) for image in zip(dets, gts, ignored)]
    scores = np.concatenate([d[:, 5] for d in dets])
    order = np.argsort(-scores, kind='stable')
    tp = np.cumsum(np.concatenate([m[0] for m in matches])[order])
    fp = np.cumsum(np.concatenate([m[1] for m in matches])[order])
    num_gts = sum(map(len, gts))
    recalls = tp / max(num_gts, 1)
    # Detections on ignored boxes only may leave both counts at zero.
    precisions = tp / np.maximum(tp + fp, 1)
    ap = average_precision(recalls, precisions, mode) if len(scores) else 0.0
    return dict(ap=float(ap), recall=float(recalls[-1]) if len(tp) else 0.0,
                num_gts=num_gts, num_dets=len(scores))


@METRICS.register_module()
class RotatedAPMetric(DOTAMetric):
    """mmrotate's ``DOTAMetric``, evaluated without a pool of processes.

    The original starts four fresh interpreters for each evaluation; each
    imports the whole framework, knows no stand-in for uncompiled ops, and is
    never joined. For a validation set of any usual size the matching itself
    takes less time than one such start. Submission files (``format_only``,
    ``merge_patches``) are written by the original.

    Args:
        **kwargs: As for ``DOTAMetric``, without ``scale_ranges``; only
            ``predict_box_type='rbox'``.

    Raises:
        ConfigError: If an unsupported option is given.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.scale_ranges is not None or self.predict_box_type != 'rbox':
            raise ConfigError("RotatedAPMetric: `predict_box_type` is 'rbox' "
                              'and `scale_ranges` is not supported; use '
                              'mmrotate.DOTAMetric for others')

    def compute_metrics(self, results: list) -> dict[str, float]:
        """AP per threshold (``AP50``, ...) and their mean, in [0, 1]."""
        if self.merge_patches or self.format_only:
            return super().compute_metrics(results)
        metrics: dict[str, float] = {}
        for thr in self.iou_thrs:
            metrics[f'AP{round(thr * 100):02d}'] = self._mean_ap(results, thr)
        mean = sum(metrics.values()) / len(metrics)
        return dict(mAP=mean, **metrics)

    def _mean_ap(self, results: list, iou_thr: float) -> float:
        mode = '11points' if self.use_07_metric else 'area'
        table = PrettyTable(['class', 'gts', 'dets', 'recall', 'AP'])
        aps = []
        for label, name in enumerate(self.dataset_meta['classes']):
            dets = [pred['pred_bbox_scores'][label] for _, pred in results]
            gts = [_of_class(ann, '', label) for ann, _ in results]
            ignored = [_of_class(ann, '_ignore', label) for ann, _ in results]
            row = rotated_ap(dets, gts, ignored, iou_thr, mode)
            if row['num_gts']:
                aps.append(row['ap'])
            table.add_row([name, row['num_gts'], row['num_dets'],
                           f'{row["recall"]:.3f}', f'{row["ap"]:.3f}'])
        mean = float(np.mean(aps)) if aps else 0.0
        MMLogger.get_current_instance().info(
            f'rotated IoU {iou_thr}, {mode}, mean AP {mean:.3f}\n'
            f'{table.get_string()}')
        return mean


def _of_class(ann: dict, suffix: str, label: int) -> np.ndarray:
    """Boxes of a class, ``(n, 5)``; an image without objects has no keys."""
    if not ann:
        return np.zeros((0, 5), dtype=np.float32)
    return ann[f'bboxes{suffix}'][ann[f'labels{suffix}'] == label]
