# Copyright (c) mmeo contributors. All rights reserved.
# Released code: trained on train and val, images halved to 512 px in training
# and test; position tables and level embedding are decayed.
_base_ = './vitp-l_upernet_80k_loveda-512.py'
half = dict(type='mmseg.Resize', scale=(512, 512), keep_ratio=True)
train_dataloader = dict(
    dataset=dict(
        splits=('train', 'val'),
        pipeline=[
            *_base_.load,
            dict(
                type='mmcv.RandomResize',
                scale=(512, 512),
                ratio_range=(0.5, 2.0),
                keep_ratio=True,
                resize_type='mmseg.Resize'),
            *_base_.train_pipeline[3:]
        ]))
val_dataloader = dict(
    dataset=dict(
        pipeline=[_base_.load[0], half, _base_.load[1], _base_.pack]))
test_dataloader = dict(
    dataset=dict(pipeline=[_base_.load[0], half, _base_.pack]))
optim_wrapper = dict(paramwise_cfg=dict(preset='released'))
