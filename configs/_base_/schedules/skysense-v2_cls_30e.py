# Copyright (c) mmeo contributors. All rights reserved.
# For hundred thousands of small images (our choice); 256 a step.
_base_ = './skysense-v2_cls_200e.py'
max_epochs = 30
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_epochs)
]
auto_scale_lr = dict(base_batch_size=256)
