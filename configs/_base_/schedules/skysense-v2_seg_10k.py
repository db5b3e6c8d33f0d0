# Copyright (c) mmeo contributors. All rights reserved.
# For sets of some dozens of scenes (our choice, as long as SkySense++ trains
# on sets of that size).
_base_ = './skysense-v2_seg_80k.py'
max_iters = 10000
train_cfg = dict(max_iters=max_iters, val_interval=1000)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=500),
    dict(
        type='PolyLR',
        power=1.0,
        eta_min=0.0,
        by_epoch=False,
        begin=500,
        end=max_iters)
]
