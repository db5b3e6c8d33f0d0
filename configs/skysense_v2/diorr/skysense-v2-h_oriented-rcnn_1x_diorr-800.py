# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on DIOR-R (8 GPUs x 1 image of 800 px; run with `--amp`). AP50 of
# V1 is 74.27; that of V2 is not known to us, nor is the recipe: Oriented R-CNN
# with the rates of DIOR (our choice).
_base_ = [
    '../../_base_/models/oriented-rcnn_skysense-v2-h.py',
    '../../_base_/datasets/diorr.py',
    '../../_base_/schedules/skysense-v2_det_1x.py',
    '../../_base_/epoch_runtime.py'
]
train_pipeline = [
    dict(t, scale=(800, 800)) if t['type'] == 'mmdet.Resize' else t
    for t in _base_.train_pipeline
]
val_pipeline = [
    dict(t, scale=(800, 800)) if t['type'] == 'mmdet.Resize' else t
    for t in _base_.val_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
model = dict(roi_head=dict(bbox_head=dict(num_classes=20)))
default_hooks = dict(checkpoint=dict(interval=1))
