# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V1 on DIOR (8 GPUs x 1 image of 800 px; run with `--amp`): AP50
# 78.73 in the paper. Recipe of the released code, which is that of
# configs/skysense_v2/dior.
_base_ = [
    '../../_base_/models/faster-rcnn_skysense-v1-hr.py',
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
