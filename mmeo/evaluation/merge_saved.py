# Copyright (c) mmeo contributors. All rights reserved.
"""From saved predictions on patches to a submission, and to AP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from mmrotate.datasets import DOTADataset, DOTAv2Dataset, DOTAv15Dataset

from mmeo.errors import ConfigError

from .metrics.rotated_ap_metric import RotatedAPMetric
from .saved_predictions import read_predictions

DOTA_CLASSES = {
    'dotav1': DOTADataset.METAINFO['classes'],
    'dotav15': DOTAv15Dataset.METAINFO['classes'],
    'dotav2': DOTAv2Dataset.METAINFO['classes'],
}


def merge_saved(path: Union[str, Path], out: Union[str, Path],
                classes: Union[str, Sequence[str]], task: int = 1,
                iou_thr: float = 0.1,
                ann_file: Optional[Union[str, Path]] = None,
                **metric: object) -> dict[str, float]:
    """Merge patches, write the submission, and evaluate if there are labels.

    Args:
        path (str | Path): Predictions of ``tools/test.py --out``.
        out (str | Path): Folder of the submission.
        classes (str | Sequence[str]): 'dotav1', 'dotav15', 'dotav2' or the
            names in the order of labels.
        task (int): 1 for oriented, 2 for upright boxes. Defaults to 1.
        iou_thr (float): Threshold of merging. Defaults to 0.1.
        ann_file (str | Path, optional): Folder of label files of the whole
            images. None does not evaluate. Defaults to None.
        **metric: More options of :class:`RotatedAPMetric`.

    Returns:
        dict[str, float]: AP in [0, 1]; empty without ``ann_file``.

    Raises:
        ConfigError: If the classes or the task are unknown.
    """
    if isinstance(classes, str):
        if classes not in DOTA_CLASSES:
            raise ConfigError(f'classes={classes!r}: it is one of '
                              f'{list(DOTA_CLASSES)}, or a list of names')
        classes = DOTA_CLASSES[classes]
    if task not in (1, 2):
        raise ConfigError(f'task={task}: it is 1, oriented boxes, or 2, '
                          'upright boxes')
    scorer = RotatedAPMetric(
        predict_box_type='rbox' if task == 1 else 'hbox', merge_patches=True,
        iou_thr=iou_thr, outfile_prefix=str(out),
        format_only=ann_file is None,
        ann_file=None if ann_file is None else str(ann_file), **metric)
    scorer.dataset_meta = dict(classes=tuple(classes))
    samples = read_predictions(path)
    scorer.process(None, samples)
    return scorer.evaluate(len(samples))
