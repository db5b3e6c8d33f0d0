# Copyright (c) mmeo contributors. All rights reserved.
"""AP of oriented and upright boxes, evaluated in the running process."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
from mmengine.logging import MMLogger
from mmrotate.evaluation import DOTAMetric
from prettytable import PrettyTable

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.average_precision import (
    COCO_IOU_THRS,
    RECALL_POINTS,
    evaluate_classes,
    mean_ap,
)
from mmeo.evaluation.box_types import as_array, to_box_type
from mmeo.evaluation.dota_submission import write_submission
from mmeo.evaluation.merge_patches import (
    merge_predictions,
    merge_truths,
    read_truths,
)
from mmeo.evaluation.rotated_map import gather_detections, gather_truths
from mmeo.geo.box_pairs import BOX_COLUMNS, check_box_type
from mmeo.registry import METRICS


@METRICS.register_module()
class RotatedAPMetric(DOTAMetric):
    """mmrotate's ``DOTAMetric`` without its pool of processes, and with more.

    Numbers equal those of mmrotate (and of mmdet for upright boxes). Matching
    follows VOC at every threshold: a detection takes the truth it overlaps
    most, and is false if that one is taken.

    Args:
        iou_thrs (float | Sequence[float] | str): Least IoU of a match, or
            'coco' for 0.5, 0.55, ..., 0.95. Defaults to 0.5.
        eval_mode (str): '11points' (VOC 2007), 'area' (VOC since 2010) or
            '101points' (COCO). Defaults to '11points'.
        predict_box_type (str): Form in which boxes are compared, merged and
            written: 'rbox', 'qbox' or 'hbox'. Boxes that come in another form
            are converted. Defaults to 'rbox'.
        merge_patches (bool): Put the patches ``IMAGE__SCALE__X___Y`` together
            before evaluation and output. Defaults to False.
        iou_thr (float): Of two boxes of a class that overlap by at least
            this, merging keeps the better one. Defaults to 0.1.
        ann_file (str, optional): Folder of DOTA label files of the whole
            images, the truth of merged results. None takes the truths of the
            patches, each once. Defaults to None.
        diff_thr (int): Objects in ``ann_file`` of a higher difficulty are
            ignored. Defaults to 100, none.
        outfile_prefix (str, optional): With ``merge_patches`` the folder of
            the submission (Task 2 for 'hbox', else Task 1), else where
            ``{prefix}.bbox.json`` goes. Defaults to None, no files.
        format_only (bool): Write files, do not evaluate. Defaults to False.
        keep_lone_ignored (bool): Whether ignored boxes count as such also in
            images without other boxes, as in VOC; mmrotate forgets them.
            Defaults to False.
        **kwargs: ``collect_device``, ``prefix``, ``metric`` as for
            ``DOTAMetric``.

    Raises:
        ConfigError: If an option is impossible.
    """

    def __init__(self,
                 iou_thrs: Union[float, Sequence[float], str] = 0.5,
                 eval_mode: str = '11points',
                 predict_box_type: str = 'rbox',
                 ann_file: Optional[str] = None,
                 diff_thr: int = 100,
                 keep_lone_ignored: bool = False,
                 **kwargs: Any) -> None:
        if kwargs.get('format_only') and not kwargs.get('outfile_prefix'):
            raise ConfigError('RotatedAPMetric: `format_only` needs '
                              '`outfile_prefix`, where the files go')
        super().__init__(iou_thrs=_thresholds(iou_thrs),
                         predict_box_type=predict_box_type, **kwargs)
        if self.scale_ranges is not None:
            raise ConfigError('RotatedAPMetric: `scale_ranges` is not '
                              'supported, nor is it by mmrotate')
        if eval_mode not in RECALL_POINTS:
            raise ConfigError(f'RotatedAPMetric: eval_mode={eval_mode!r}; it '
                              f'is one of {list(RECALL_POINTS)}')
        if ann_file is not None and not self.merge_patches:
            raise ConfigError('RotatedAPMetric: `ann_file` is the truth of '
                              'merged results; set `merge_patches=True`')
        check_box_type(predict_box_type)
        self.eval_mode = eval_mode
        self.ann_file, self.diff_thr = ann_file, diff_thr
        self.keep_lone_ignored = keep_lone_ignored

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the boxes of a batch as arrays on the CPU.

        Args:
            data_batch: Not used.
            data_samples (Sequence[dict]): Each with ``img_id``,
                ``pred_instances`` and, where there are labels,
                ``gt_instances`` and ``ignored_instances``.
        """
        for sample in data_samples:
            ann = {}
            for suffix, key in (('', 'gt_instances'),
                                ('_ignore', 'ignored_instances')):
                boxes, labels = self._boxes_of(sample.get(key) or {})
                ann[f'bboxes{suffix}'] = boxes
                ann[f'labels{suffix}'] = labels
            boxes, labels = self._boxes_of(sample['pred_instances'])
            scores = as_array(sample['pred_instances']['scores'])
            self.results.append((ann, dict(
                img_id=sample['img_id'], bboxes=boxes, scores=scores,
                labels=labels)))

    def _boxes_of(self, instances: dict) -> tuple[np.ndarray, np.ndarray]:
        if 'bboxes' not in instances or not len(instances['bboxes']):
            columns = BOX_COLUMNS[self.predict_box_type]
            return np.zeros((0, columns), np.float32), np.zeros(0, int)
        boxes = to_box_type(as_array(instances['bboxes']),
                            self.predict_box_type)
        return boxes, as_array(instances['labels'])

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Merge, write and evaluate, as the options say.

        Returns:
            dict[str, float]: ``mAP``, the mean over thresholds, and ``AP50``
            etc. in [0, 1]; nothing with ``format_only``.
        """
        anns, preds = map(list, zip(*results))
        self._report_not_finite(anns, preds)
        if self.merge_patches:
            anns, preds = self._merge(anns, preds)
        if self.outfile_prefix is not None:
            self._write(preds)
        if self.format_only:
            return {}
        return self._evaluate(anns, preds)

    def _report_not_finite(self, anns: list[dict], preds: list[dict]) -> None:
        """NaN truths are an error; NaN predictions are false ones."""
        for ann, pred in zip(anns, preds):
            for key in ('bboxes', 'bboxes_ignore'):
                if not np.isfinite(ann[key]).all():
                    raise DataError(f'image {pred["img_id"]}: a true box is '
                                    'not finite; correct its label file')
        bad = {p['img_id']: int((~np.isfinite(p['bboxes']).all(1) |
                                 ~np.isfinite(p['scores'])).sum())
               for p in preds}
        bad = {name: count for name, count in bad.items() if count}
        if bad:
            MMLogger.get_current_instance().warning(
                f'{sum(bad.values())} predictions in {len(bad)} images are '
                f'not finite (first: {next(iter(bad))}); they count as false '
                'and are left out of files. Has the model diverged?')

    def _merge(self, anns: list[dict],
               preds: list[dict]) -> tuple[list[dict], list[dict]]:
        merged = merge_predictions(preds, self.iou_thr, self.predict_box_type)
        names = [pred['img_id'] for pred in merged]
        if self.format_only:
            truths: dict[str, dict] = {}
        elif self.ann_file is not None:
            truths = read_truths(self.ann_file, names,
                                 self.dataset_meta['classes'],
                                 self.predict_box_type, self.diff_thr)
        else:
            truths = merge_truths(anns, [p['img_id'] for p in preds],
                                  self.predict_box_type)
        MMLogger.get_current_instance().info(
            f'{len(preds)} patches with {_count(preds)} boxes merged to '
            f'{len(merged)} images with {_count(merged)}')
        return [truths.get(name, {}) for name in names], merged

    def _write(self, preds: list[dict]) -> None:
        finite = [_finite(pred) for pred in preds]
        if self.merge_patches:
            task = 2 if self.predict_box_type == 'hbox' else 1
            target = write_submission(finite, self.dataset_meta['classes'],
                                      self.outfile_prefix, task)
        else:
            target = self.results2json(finite, self.outfile_prefix)['bbox']
        MMLogger.get_current_instance().info(f'predictions are in {target}')

    def _evaluate(self, anns: list[dict],
                  preds: list[dict]) -> dict[str, float]:
        classes = self.dataset_meta['classes']
        dets = gather_detections(*([p[key] for p in preds] for key in (
            'bboxes', 'scores', 'labels')), self.predict_box_type)
        truths = gather_truths(anns, self.predict_box_type,
                               self.keep_lone_ignored)
        rows = evaluate_classes(dets, truths, len(classes), self.iou_thrs,
                                self.eval_mode, self.predict_box_type)
        means = mean_ap(rows)
        metrics = {'mAP': float(means.mean())}
        for thr, mean in zip(self.iou_thrs, means):
            metrics[f'AP{round(thr * 100):02d}'] = float(mean)
        MMLogger.get_current_instance().info(
            f'{self.predict_box_type}, {self.eval_mode}, mAP '
            f'{metrics["mAP"]:.3f}\n{_table(rows, classes, self.iou_thrs)}')
        if not any(row['num_gts'] for row in rows):
            MMLogger.get_current_instance().warning(
                'there is not one true box, so AP is 0. For a test set '
                'without labels set `format_only=True`.')
        return metrics


def _thresholds(iou_thrs: Union[float, Sequence[float], str]) -> list[float]:
    if iou_thrs == 'coco':
        return list(COCO_IOU_THRS)
    try:
        thrs = [float(t) for t in np.atleast_1d(iou_thrs)]
    except (TypeError, ValueError):
        thrs = []
    if not thrs or not all(0 < t <= 1 for t in thrs):
        raise ConfigError(f'RotatedAPMetric: iou_thrs={iou_thrs!r}; give '
                          "numbers in (0, 1], or 'coco'")
    return thrs


def _count(results: list[dict]) -> int:
    return sum(len(result['scores']) for result in results)


def _finite(pred: dict) -> dict:
    """A prediction without the boxes that are not finite."""
    fine = np.isfinite(pred['bboxes']).all(1) & np.isfinite(pred['scores'])
    return {key: value if key == 'img_id' else value[fine]
            for key, value in pred.items()}


def _table(rows: list[dict], classes: Sequence[str],
           iou_thrs: list[float]) -> str:
    """AP of each class at the first threshold, and the mean of all."""
    first = f'{round(iou_thrs[0] * 100):02d}'
    table = PrettyTable(['class', 'gts', 'dets', f'recall{first}',
                         f'AP{first}', 'mAP'])
    for name, row in zip(classes, rows):
        recall = row['recall'][0, -1] if row['num_dets'] else 0.0
        table.add_row([name, row['num_gts'], row['num_dets'],
                       f'{recall:.3f}', f'{row["ap"][0]:.3f}',
                       f'{row["ap"].mean():.3f}'])
    return table.get_string()
