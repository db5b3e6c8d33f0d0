# Copyright (c) mmeo contributors. All rights reserved.
# For time series (our choice, as long as SkySense++ trains on them).
_base_ = './skysense-v2_seg_80k.py'
max_iters = 20000
train_cfg = dict(max_iters=max_iters, val_interval=2000)
param_scheduler = [
    dict(_base_.param_scheduler[0], end=1000),
    dict(_base_.param_scheduler[1], begin=1000, end=max_iters)
]
