# Copyright (c) mmeo contributors. All rights reserved.
_base_ = [
    '../_base_/models/upernet_vit-adapter-tiny.py',
    '../_base_/datasets/synthearth_water.py',
    '../_base_/schedules/quickstart.py', '../_base_/default_runtime.py'
]
# Ten bands, normalised in the pipeline.
model = dict(
    data_preprocessor=dict(
        _delete_=True,
        type='mmseg.SegDataPreProcessor',
        size=_base_.crop_size,
        pad_val=0,
        seg_pad_val=255,
        test_cfg=dict(size_divisor=32)),
    backbone=dict(in_channels=10, vit=dict(img_size=128)),
    decode_head=dict(num_classes=2),
    test_cfg=dict(crop_size=_base_.crop_size, stride=(96, 96)))
default_hooks = dict(visualization=dict(rgb_bands=[4, 3, 2]))
# A batch of four small crops costs half as much.
max_iters = 200
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_iters)
]
