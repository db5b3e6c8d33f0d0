# Copyright (c) mmeo contributors. All rights reserved.
# For sets of some dozens of scenes (our choice, as long as SkySense++ trains
# on sets of that size).
_base_ = './skysense-v2_seg_80k.py'
max_iters = 10000
train_cfg = dict(max_iters=max_iters, val_interval=1000)
param_scheduler = [
    dict(_base_.param_scheduler[0], end=500),
    dict(_base_.param_scheduler[1], begin=500, end=max_iters)
]
