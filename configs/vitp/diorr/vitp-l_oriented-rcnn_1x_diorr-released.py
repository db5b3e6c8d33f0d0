# Copyright (c) mmeo contributors. All rights reserved.
# The authors' config: images of 800 px, not 1024 (paper, appendix D.3: 73.37).
_base_ = './vitp-l_oriented-rcnn_1x_diorr.py'
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
model = dict(backbone=dict(vit=dict(img_size=800)))
