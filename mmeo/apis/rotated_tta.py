# Copyright (c) mmeo contributors. All rights reserved.
"""Test-time augmentation of oriented detectors."""

from typing import Optional

import torch
from mmcv.ops import batched_nms
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from mmrotate.structures import RotatedBoxes
from torch import Tensor

from mmeo.registry import MODELS


@MODELS.register_module()
class RotatedTTAModel(BaseTTAModel):
    """Merges the oriented boxes found in resized and flipped copies.

    mmdet's ``DetTTAModel`` knows upright boxes only.

    Args:
        iou_threshold (float): Of two boxes of a class that overlap more, the
            better one is kept. Defaults to 0.1, as the test of Oriented
            R-CNN has it.
        max_per_img (int): Most boxes in an image. Defaults to 2000.
        **kwargs: ``module``, the detector.
    """

    def __init__(self, iou_threshold: float = 0.1, max_per_img: int = 2000,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.nms_cfg = dict(type='nms_rotated', iou_threshold=iou_threshold)
        self.max_per_img = max_per_img

    def merge_preds(self, data_samples_list: list[list]) -> list:
        """Merge the predictions of each image.

        Args:
            data_samples_list (list[list[DetDataSample]]): For each image the
                samples of its copies, with boxes in original pixels.

        Returns:
            list[DetDataSample]: One sample an image.
        """
        return [self._merge(copies) for copies in data_samples_list]

    def _merge(self, copies: list):
        boxes = torch.cat([unflip(
            c.pred_instances.bboxes, c.metainfo['ori_shape'],
            c.metainfo.get('flip_direction') if c.metainfo.get('flip')
            else None) for c in copies])
        scores = torch.cat([c.pred_instances.scores for c in copies])
        labels = torch.cat([c.pred_instances.labels for c in copies])
        kept = torch.arange(0, device=boxes.device)
        if len(boxes):
            _, kept = batched_nms(boxes, scores, labels, self.nms_cfg)
        kept = kept[:self.max_per_img]
        # The copy that was not flipped carries the annotations.
        merged = next((c for c in copies if not c.metainfo.get('flip')),
                      copies[0])
        merged.pred_instances = InstanceData(
            bboxes=RotatedBoxes(boxes[kept]), scores=scores[kept],
            labels=labels[kept])
        return merged


def unflip(boxes, shape: tuple[int, int],
           direction: Optional[str]) -> Tensor:
    """Boxes ``(N, 5)`` as they lie in the image that was not flipped.

    Args:
        boxes (RotatedBoxes | Tensor): ``(N, 5)``.
        shape (tuple[int, int]): Height and width of the image, in pixels.
        direction (str, optional): ``'horizontal'``, ``'vertical'``,
            ``'diagonal'``, or None where it was not flipped.
    """
    boxes = RotatedBoxes(getattr(boxes, 'tensor', boxes).clone())
    if direction is not None:
        boxes.flip_(shape, direction)
    return boxes.tensor
