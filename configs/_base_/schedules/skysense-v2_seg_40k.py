# Copyright (c) mmeo contributors. All rights reserved.
# Half of the iterations, for the smaller sets.
_base_ = './skysense-v2_seg_80k.py'
max_iters = 40000
train_cfg = dict(max_iters=max_iters, val_interval=4000)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_iters)
]
auto_scale_lr = dict(base_batch_size=8)
