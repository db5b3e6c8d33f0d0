# Copyright (c) mmeo contributors. All rights reserved.
"""Test-time augmentation of detectors that predict masks."""

from typing import Any

import torch
from mmcv.ops import batched_nms
from mmdet.structures.bbox import bbox_flip, bbox_overlaps
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from torch import Tensor

from mmeo.errors import ConfigError
from mmeo.registry import MODELS

_AXES = dict(horizontal=[-1], vertical=[-2], diagonal=[-2, -1])


@MODELS.register_module()
class MaskTTAModel(BaseTTAModel):
    """Merges boxes and masks found in resized and flipped copies.

    mmdet's ``DetTTAModel`` refuses masks. Boxes are merged as there, by
    non-maximum suppression over all copies. The mask of a box that is kept
    is the mean over copies of the mask probabilities of the best overlapping
    box of its class, where there is one (our choice; mmdet 2 pooled the
    merged box from the features of each copy).

    Args:
        iou_threshold (float): Of two boxes of a class that overlap more, the
            better one is kept; the other lends its mask. Defaults to 0.5.
        max_per_img (int): Most boxes in an image. Defaults to 100.
        **kwargs: ``module``, the detector.

    Raises:
        ConfigError: If the detector has no RoI mask head.
    """

    def __init__(self, iou_threshold: float = 0.5, max_per_img: int = 100,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.iou_threshold = iou_threshold
        self.max_per_img = max_per_img
        test_cfg = getattr(getattr(self.module, 'roi_head', None),
                           'test_cfg', None)
        if test_cfg is None or 'mask_thr_binary' not in test_cfg:
            raise ConfigError(
                'MaskTTAModel averages the masks of a detector with '
                '`roi_head` and `test_cfg.rcnn.mask_thr_binary`, such as Mask '
                f'R-CNN; {type(self.module).__name__} has none. Use '
                'mmdet.DetTTAModel for boxes.')
        self.mask_threshold = float(test_cfg.mask_thr_binary)
        # Below zero the head returns probabilities, 0 to 255.
        test_cfg.mask_thr_binary = -1

    def merge_preds(self, data_samples_list: list[list]) -> list:
        """Merge the predictions of each image.

        Args:
            data_samples_list (list[list[DetDataSample]]): For each image the
                samples of its copies: boxes in original pixels, masks
                ``(N, H, W)`` uint8 of probabilities times 255.

        Returns:
            list[DetDataSample]: One sample an image; masks are bool.
        """
        return [self._merge(copies) for copies in data_samples_list]

    def _merge(self, copies: list):
        found = [_unflip(copy) for copy in copies]
        boxes = torch.cat([f.bboxes for f in found])
        scores = torch.cat([f.scores for f in found])
        labels = torch.cat([f.labels for f in found])
        kept = torch.arange(0, device=boxes.device)
        if len(boxes):
            _, kept = batched_nms(boxes, scores, labels, dict(
                type='nms', iou_threshold=self.iou_threshold))
        kept = kept[:self.max_per_img]
        merged = next((c for c in copies if not c.metainfo.get('flip')),
                      copies[0])
        height, width = merged.metainfo['ori_shape'][:2]
        masks = self._vote(boxes[kept], labels[kept], found,
                           torch.zeros((len(kept), height, width),
                                       dtype=torch.int32,
                                       device=boxes.device))
        merged.pred_instances = InstanceData(
            bboxes=boxes[kept], scores=scores[kept], labels=labels[kept],
            masks=masks)
        return merged

    def _vote(self, boxes: Tensor, labels: Tensor, found: list,
              total: Tensor) -> Tensor:
        """Mean mask of each box over the copies that saw it, as bool."""
        votes = torch.zeros(len(boxes), dtype=torch.int32,
                            device=boxes.device)
        for copy in found:
            if not len(boxes) or not len(copy.bboxes):
                continue
            iou = bbox_overlaps(boxes, copy.bboxes)
            iou[labels[:, None] != copy.labels[None]] = -1
            best, index = iou.max(dim=1)
            seen = best > self.iou_threshold
            total[seen] += copy.masks[index[seen]].to(total.dtype)
            votes += seen.to(votes.dtype)
        least = self.mask_threshold * 255 * votes.clamp(min=1)
        return total >= least[:, None, None]


def _unflip(sample) -> InstanceData:
    """The boxes and masks of a copy, in the image that was not flipped."""
    found = sample.pred_instances
    shape = sample.metainfo['ori_shape']
    if not sample.metainfo.get('flip'):
        return found
    direction = sample.metainfo['flip_direction']
    return InstanceData(
        bboxes=bbox_flip(found.bboxes, shape, direction),
        scores=found.scores, labels=found.labels,
        masks=found.masks.flip(_AXES[direction]))
