# Copyright (c) mmeo contributors. All rights reserved.
"""Test-time augmentation: what is wrapped, and how boxes are merged."""

import math

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import nn

from mmeo.apis.tta import add_tta
from mmeo.errors import ConfigError


def config(packing: str, model: str, **more) -> Config:
    pipeline = [dict(type='LoadImage'), dict(type=packing)]
    return Config(dict(model=dict(type=model), test_dataloader=dict(
        dataset=dict(type='Repeat', dataset=dict(type='D',
                                                 pipeline=pipeline))),
                       **more))


@pytest.mark.parametrize('packing, model, expected', [
    ('mmseg.PackSegInputs', 'mmseg.EncoderDecoder', 'mmseg.SegTTAModel'),
    ('PackChangeInputs', 'SiameseEncoderDecoder', 'mmseg.SegTTAModel'),
    ('mmdet.PackDetInputs', 'mmdet.FCOS', 'mmdet.DetTTAModel'),
    ('mmdet.PackDetInputs', 'mmrotate.OrientedRCNN', 'mmeo.RotatedTTAModel'),
])
def test_default_is_a_flip(packing, model, expected):
    cfg = config(packing, model)
    add_tta(cfg)
    assert cfg.model.type == expected
    assert cfg.model.module.type == model
    pipeline = cfg.test_dataloader.dataset.dataset.pipeline
    flips, pack = pipeline[-1].transforms
    assert [flip.prob for flip in flips] == [0., 1.]
    if 'Det' in packing:
        assert {'flip', 'flip_direction'} <= set(pack[0].meta_keys)


def test_the_config_has_its_way():
    cfg = config('mmseg.PackSegInputs', 'M', tta_model=dict(type='Mine'),
                 tta_pipeline=[dict(type='Other')])
    add_tta(cfg)
    assert cfg.model == dict(type='Mine', module=dict(type='M'))
    assert cfg.test_dataloader.dataset.dataset.pipeline == [
        dict(type='Other')]


def test_no_default_says_what_is_needed():
    with pytest.raises(ConfigError, match='tta_model.*PackDialogue'):
        add_tta(config('PackDialogue', 'InstructVLM'))


class Detector(nn.Module):
    def test_step(self, data):
        raise NotImplementedError


def copies(boxes, direction):
    """The sample of an image and that of its flip, which a perfect detector
    sees flipped."""
    from mmdet.structures import DetDataSample
    from mmrotate.structures import RotatedBoxes
    found = []
    for flip in (None, direction):
        seen = RotatedBoxes(boxes.clone())
        if flip:
            seen.flip_((100, 200), flip)
        sample = DetDataSample(metainfo=dict(
            ori_shape=(100, 200), flip=flip is not None,
            flip_direction=flip))
        sample.pred_instances = InstanceData(
            bboxes=seen, scores=torch.tensor([0.9, 0.8, 0.7]),
            labels=torch.tensor([0, 0, 1]))
        found.append(sample)
    return found


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_flipped_boxes_fall_on_the_others(direction):
    from mmeo.apis.rotated_tta import RotatedTTAModel
    boxes = torch.tensor([[50., 30., 40., 10., 0.5], [150., 70., 30., 8.,
                          -0.7], [50., 30., 40., 10., 0.5]])
    model = RotatedTTAModel(module=Detector())
    merged, = model.merge_preds([copies(boxes, direction)])
    kept = merged.pred_instances
    # Six boxes became three: a copy falls on its original, classes apart.
    assert kept.labels.tolist() == [0, 0, 1]
    assert kept.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    tensor = kept.bboxes.tensor
    assert torch.allclose(tensor[:, :2], boxes[:, :2], atol=1e-3)
    turned = ((tensor[:, 4] - boxes[:, 4]) / math.pi).numpy()
    assert turned == pytest.approx(turned.round(), abs=1e-4)
    assert not merged.metainfo['flip']


def test_several_sensors_have_no_default(repo_root):
    cfg = Config.fromfile(
        repo_root / 'configs/skysense_v2/pastis/'
        'skysense-v2-h-mm_upernet_20k_pastis-128.py')
    with pytest.raises(ConfigError, match='tta_pipeline.*PackMultiModal'):
        add_tta(cfg)
