# Copyright (c) mmeo contributors. All rights reserved.
# The authors' config: images of 1024 px, not 800 (their README: AP 57.9).
_base_ = './vitp-l_cascade-rcnn_1x_sardet100k.py'
train_pipeline = [
    dict(t, scale=(1024, 1024)) if t['type'] == 'mmdet.Resize' else t
    for t in _base_.train_pipeline
]
test_pipeline = [
    dict(t, scale=(1024, 1024)) if t['type'] == 'mmdet.Resize' else t
    for t in _base_.test_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
model = dict(backbone=dict(vit=dict(img_size=1024)))
