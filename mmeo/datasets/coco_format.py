# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes and masks in COCO's JSON form."""

import os
from collections import Counter
from pathlib import Path
from typing import Any, Optional

from mmdet.datasets import CocoDataset as _CocoDataset
from mmengine.logging import print_log

from mmeo.errors import MissingDataError
from mmeo.registry import DATASETS

from .checks import require_folders
from .coco_api import CheckedCOCO


@DATASETS.register_module()
class CocoDataset(_CocoDataset):
    """mmdet's ``CocoDataset`` that says what it leaves out.

    The same annotations are used and dropped as in mmdet; here they are
    counted and reported. Labels follow the order of the classes, not that of
    the file (evaluate with :class:`mmeo.evaluation.CocoMetric`, which does the
    same). Classes are COCO's unless ``metainfo=dict(classes=...)`` says
    otherwise; boxes of others are dropped.

    Args:
        prepare (str, optional): Command that makes the data, shown where it
            is missing. Defaults to None.
        **kwargs: As for mmdet's ``CocoDataset``: ``data_root``, ``ann_file``,
            ``data_prefix=dict(img=...)``, ``metainfo``, ``pipeline``...

    Raises:
        MissingDataError: If the file, the folder or an image is absent.
        DataError: If the file is damaged or lacks a class.
    """

    COCOAPI = CheckedCOCO

    def __init__(self, prepare: Optional[str] = None, **kwargs: Any) -> None:
        self.prepare = prepare
        self.dropped: Counter = Counter()
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """List the images with their boxes, as mmdet does.

        Returns:
            list[dict]: ``img_path``, ``img_id``, ``height``, ``width`` and
            ``instances`` with ``bbox`` (x1, y1, x2, y2 in pixels),
            ``bbox_label``, ``ignore_flag`` and, if there is one, ``mask``.
        """
        name = type(self).__name__
        tree = (f'  {self.data_root or "."}/\n    {self.ann_file}  '
                f'(ann_file)\n    {self.data_prefix["img"]}/  '
                '(data_prefix.img)')
        require_folders(name, dict(img=self.data_prefix['img']), tree,
                        self.prepare)
        if not Path(self.ann_file).is_file():
            message = (f'{name}: {self.ann_file} (`ann_file`) does not '
                       'exist. Correct `data_root` or `ann_file`')
            if self.prepare:
                message += f', or make it with:\n  {self.prepare}'
            raise MissingDataError(message)
        self.dropped.clear()
        data_list = super().load_data_list()
        self._require_images(data_list)
        self._report(data_list)
        return data_list

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Count what mmdet is about to drop, then parse."""
        image = raw_data_info['raw_img_info']
        for ann in raw_data_info['raw_ann_info']:
            reason = drop_reason(ann, image, self.cat2label)
            if reason:
                self.dropped[reason] += 1
        return super().parse_data_info(raw_data_info)

    def _require_images(self, data_list: list[dict]) -> None:
        # One listing a folder: a hundred thousand single look-ups take
        # minutes on a network drive.
        folders = {os.path.dirname(data['img_path']) for data in data_list}
        present = {folder: set(os.listdir(folder)) if os.path.isdir(folder)
                   else set() for folder in folders}
        missing = [
            data['img_path'] for data in data_list
            if os.path.basename(data['img_path']) not in present[
                os.path.dirname(data['img_path'])]
        ]
        if missing:
            raise MissingDataError(
                f'{type(self).__name__}: {len(missing)} of {len(data_list)} '
                f'images of {self.ann_file} do not exist; first: '
                f'{missing[0]}. Correct `data_prefix`, or add the images.')

    def _report(self, data_list: list[dict]) -> None:
        boxes = sum(len(data['instances']) for data in data_list)
        dropped = ', '.join(f'{count} {reason}' for reason, count
                            in sorted(self.dropped.items()))
        print_log(
            f'{type(self).__name__}: {len(data_list)} images, {boxes} boxes '
            f'from {self.ann_file}' + (f'; left out: {dropped}'
                                       if dropped else ''),
            logger='current')


def drop_reason(ann: dict, image: dict, cat2label: dict) -> Optional[str]:
    """Why mmdet leaves an annotation out, or None where it does not.

    Args:
        ann: Record of ``annotations``; ``bbox`` is x, y, width, height.
        image: Its record of ``images``.
        cat2label: Category id to label.
    """
    x, y, width, height = ann['bbox']
    inside = (max(0, min(x + width, image['width']) - max(x, 0)) *
              max(0, min(y + height, image['height']) - max(y, 0)))
    if ann.get('ignore', False):
        return 'marked `ignore`'
    if inside == 0:
        return 'outside the image'
    if ann['area'] <= 0 or width < 1 or height < 1:
        return 'smaller than a pixel'
    if ann['category_id'] not in cat2label:
        return 'of other classes'
    return None
