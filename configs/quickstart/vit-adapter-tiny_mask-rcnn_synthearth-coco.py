# Copyright (c) mmeo contributors. All rights reserved.
_base_ = [
    '../_base_/models/mask-rcnn_vit-adapter-tiny.py',
    '../_base_/datasets/synthearth_coco.py',
    '../_base_/schedules/quickstart.py', '../_base_/default_runtime.py'
]
num_classes = 16
model = dict(
    roi_head=dict(
        bbox_head=dict(num_classes=num_classes),
        mask_head=dict(num_classes=num_classes)))
# Boxes take longer to learn than pixels, and a lower learning rate.
max_iters = 450
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_iters)
]
optim_wrapper = dict(optimizer=dict(lr=2e-3))
