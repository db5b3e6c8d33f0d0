# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on DIOR (8 GPUs x 1 image of 800 px; run with `--amp`). Recipe of
# SkySense V1's code, whose AP50 is 78.73; that of V2 is not known to us.
_base_ = [
    '../../_base_/models/faster-rcnn_skysense-v2-h.py',
    '../../_base_/datasets/dior.py',
    '../../_base_/schedules/skysense-v2_det_1x.py',
    '../../_base_/epoch_runtime.py'
]
train_pipeline = [
    dict(t, scale=(800, 800)) if t['type'] == 'mmdet.Resize' else t
    for t in _base_.train_pipeline
]
test_pipeline = [
    dict(t, scale=(800, 800)) if t['type'] == 'mmdet.Resize' else t
    for t in _base_.test_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
default_hooks = dict(checkpoint=dict(interval=1))
