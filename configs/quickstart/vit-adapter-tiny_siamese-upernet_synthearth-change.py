# Copyright (c) mmeo contributors. All rights reserved.
_base_ = [
    '../_base_/models/siamese-upernet_vit-adapter-tiny.py',
    '../_base_/datasets/synthearth_change.py',
    '../_base_/schedules/quickstart.py', '../_base_/default_runtime.py'
]
# Small differences take longer to learn than classes, at a lower rate.
max_iters = 140
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_iters)
]
optim_wrapper = dict(optimizer=dict(lr=2e-3))
