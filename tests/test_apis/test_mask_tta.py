# Copyright (c) mmeo contributors. All rights reserved.
"""Masks of resized and flipped copies become one mask."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox_flip
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData
from torch import nn

from mmeo.apis.mask_tta import _AXES, MaskTTAModel
from mmeo.apis.tta import add_tta
from mmeo.errors import ConfigError

SHAPE = (40, 60)


class Detector(nn.Module):
    def __init__(self, threshold=0.5):
        super().__init__()
        self.roi_head = nn.Module()
        self.roi_head.test_cfg = ConfigDict(mask_thr_binary=threshold)

    def test_step(self, data):
        raise NotImplementedError


def copy_of(boxes, scores, labels, masks, direction=None):
    """What a detector sees in a flipped copy, in original pixels."""
    sample = DetDataSample(metainfo=dict(
        ori_shape=SHAPE, flip=direction is not None,
        flip_direction=direction))
    if direction:
        boxes = bbox_flip(boxes, SHAPE, direction)
        masks = masks.flip(_AXES[direction])
    sample.pred_instances = InstanceData(
        bboxes=boxes, scores=scores, labels=labels, masks=masks)
    return sample


def scene(value=255):
    boxes = torch.tensor([[4., 6., 20., 16.], [30., 20., 50., 34.],
                          [5., 6., 20., 16.]])
    masks = torch.zeros(3, *SHAPE, dtype=torch.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist()):
        mask[y1:y2, x1:x2] = value
    return boxes, torch.tensor([.9, .8, .7]), torch.tensor([0, 1, 1]), masks


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_flips_of_a_perfect_detector_agree(direction):
    boxes, scores, labels, masks = scene()
    model = MaskTTAModel(module=Detector())
    merged, = model.merge_preds([[
        copy_of(boxes, scores, labels, masks, direction),
        copy_of(boxes, scores, labels, masks)]])
    found = merged.pred_instances
    assert torch.equal(found.bboxes, boxes)
    assert found.labels.tolist() == [0, 1, 1]
    assert torch.equal(found.masks, masks > 0)
    assert not merged.metainfo['flip']


def test_masks_are_averaged_over_those_that_saw_the_object():
    boxes, scores, labels, strong = scene(200)
    weak = scene(40)[3]
    one = slice(0, 1)
    model = MaskTTAModel(module=Detector())

    def mask_of(*views):
        merged, = model.merge_preds([[
            copy_of(boxes[one], scores[one], labels[one], v[one])
            for v in views]])
        return merged.pred_instances.masks[0]

    assert mask_of(strong).any() and not mask_of(weak).any()
    assert not mask_of(strong, weak).any()  # mean 120 of 255
    assert torch.equal(mask_of(strong, strong, weak), strong[0] > 0)
    # A copy that missed it, or called it something else, has no vote.
    other = copy_of(boxes[one], scores[one] / 2, labels[one] + 1, weak[one])
    none = copy_of(boxes[:0], scores[:0], labels[:0], weak[:0])
    merged, = model.merge_preds([[copy_of(
        boxes[one], scores[one], labels[one], strong[one]), other, none]])
    assert merged.pred_instances.labels.tolist() == [0, 1]
    assert merged.pred_instances.masks[0].any()
    assert not merged.pred_instances.masks[1].any()


def test_nothing_found():
    boxes, scores, labels, masks = (t[:0] for t in scene())
    merged, = MaskTTAModel(module=Detector()).merge_preds(
        [[copy_of(boxes, scores, labels, masks)] * 2])
    assert merged.pred_instances.masks.shape == (0, *SHAPE)


def test_the_detector_is_asked_for_probabilities():
    model = MaskTTAModel(module=Detector(0.3), max_per_img=2)
    assert model.mask_threshold == 0.3
    assert model.module.roi_head.test_cfg.mask_thr_binary < 0
    merged, = model.merge_preds([[copy_of(*scene(80))]])
    assert len(merged.pred_instances) == 2
    assert merged.pred_instances.masks[0].any()  # 80 / 255 > 0.3
    boxes_only = Detector()
    del boxes_only.roi_head.test_cfg['mask_thr_binary']
    with pytest.raises(ConfigError, match='Detector has none'):
        MaskTTAModel(module=boxes_only)


def test_it_is_the_default_of_detectors_with_masks():
    cfg = Config(dict(
        model=dict(type='mmdet.MaskRCNN', roi_head=dict(mask_head=dict())),
        test_dataloader=dict(dataset=dict(type='D', pipeline=[
            dict(type='LoadImage'), dict(type='mmdet.PackDetInputs')]))))
    add_tta(cfg)
    assert cfg.model.type == 'mmeo.MaskTTAModel'
