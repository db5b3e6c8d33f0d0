# Copyright (c) mmeo contributors. All rights reserved.
"""Whole detectors, from the configs their packages ship, without a compiler.

They use whichever ops mmcv has here: the stand-in in the base install.
"""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData


def shipped_config(package, name):
    module = __import__(package)
    return Config.fromfile(
        Path(module.__file__).parent / '.mim' / 'configs' / name)


def tiny_backbone(config, **stages):
    config.model.backbone.update(
        depth=18, init_cfg=None, frozen_stages=-1, norm_eval=False,
        base_channels=8, stem_channels=8, **stages)


def train_and_predict(model, batch, steps=4):
    """Losses of a few steps on one batch, then its predictions."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    totals = []
    for _ in range(steps):
        data = model.data_preprocessor(batch, training=True)
        losses = model(**data, mode='loss')
        total, _ = model.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    model.eval()
    with torch.no_grad():
        results = model(**model.data_preprocessor(batch), mode='predict')
    return totals, results


def image_with_square(box_type):
    """One image with one bright square, and its sample."""
    from mmdet.structures import DetDataSample
    image = torch.zeros(3, 96, 96, dtype=torch.uint8)
    image[:, 32:64, 24:72] = 255
    sample = DetDataSample(metainfo=dict(
        img_shape=(96, 96), ori_shape=(96, 96), batch_input_shape=(96, 96),
        scale_factor=(1.0, 1.0), img_id=0))
    if box_type == 'rbox':
        from mmrotate.structures.bbox import RotatedBoxes
        boxes = RotatedBoxes(torch.tensor([[48.0, 48, 48, 32, 0.0]]))
        ignored = RotatedBoxes(torch.zeros(0, 5))
    else:
        boxes = torch.tensor([[24.0, 32, 72, 64]])
        ignored = torch.zeros(0, 4)
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([1]))
    sample.ignored_instances = InstanceData(
        bboxes=ignored, labels=torch.zeros(0, dtype=torch.long))
    return dict(inputs=[image], data_samples=[sample])


@pytest.fixture
def scope():
    def enter(name):
        init_default_scope(name)
    yield enter
    init_default_scope('mmengine')


@pytest.mark.parametrize('name', [
    'oriented_rcnn/oriented-rcnn-le90_r50_fpn_1x_dota.py',
    's2anet/s2anet-le135_r50_fpn_1x_dota.py',
])
def test_oriented_detectors_train_and_predict(scope, name):
    import mmrotate.models  # noqa: F401
    from mmdet.registry import MODELS
    config = shipped_config('mmrotate', name)
    scope('mmrotate')
    tiny_backbone(config)
    config.model.neck.update(in_channels=[8, 16, 32, 64], out_channels=32)
    if 'roi_head' in config.model:
        config.model.rpn_head.update(in_channels=32, feat_channels=32)
        config.model.roi_head.bbox_roi_extractor.out_channels = 32
        config.model.roi_head.bbox_head.update(in_channels=32,
                                               fc_out_channels=32)
        config.model.test_cfg.rcnn.score_thr = 0.0
    else:
        config.model.bbox_head_init.update(in_channels=32, feat_channels=32)
        for head in config.model.bbox_head_refine:
            head.update(in_channels=32, feat_channels=32)
            head.frm_cfg.feat_channels = 32
        config.model.test_cfg.score_thr = 0.0
    model = MODELS.build(config.model)
    model.init_weights()
    batch = image_with_square('rbox')
    losses, results = train_and_predict(model, batch)
    assert all(torch.isfinite(torch.tensor(losses)))
    assert losses[-1] < losses[0]
    found = results[0].pred_instances
    assert found.bboxes.shape[1] == 5 and len(found.scores) > 0


def test_deformable_detr_trains_and_predicts(scope):
    import mmdet.models  # noqa: F401
    from mmdet.registry import MODELS
    config = shipped_config(
        'mmdet', 'deformable_detr/deformable-detr_r50_16xb2-50e_coco.py')
    scope('mmdet')
    tiny_backbone(config)
    config.model.neck.update(in_channels=[16, 32, 64], out_channels=32,
                             norm_cfg=dict(type='GN', num_groups=4))
    config.model.num_queries = 20
    config.model.test_cfg.max_per_img = 20
    config.model.positional_encoding.num_feats = 16
    config.model.bbox_head.update(embed_dims=32, num_classes=3)
    for part in (config.model.encoder, config.model.decoder):
        part.num_layers = 2
        for key in ('self_attn_cfg', 'cross_attn_cfg'):
            if key in part.layer_cfg:
                part.layer_cfg[key].embed_dims = 32
        part.layer_cfg.ffn_cfg.update(embed_dims=32, feedforward_channels=64)
    model = MODELS.build(config.model)
    model.init_weights()
    losses, results = train_and_predict(model, image_with_square('hbox'))
    assert losses[-1] < losses[0]
    assert len(results[0].pred_instances.scores) > 0


def test_segmentation_models_import(scope):
    import mmseg.models  # noqa: F401
    from mmseg.registry import MODELS
    assert MODELS.get('UPerHead') is not None
