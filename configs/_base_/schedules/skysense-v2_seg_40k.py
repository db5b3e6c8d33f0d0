# Copyright (c) mmeo contributors. All rights reserved.
# Half of the iterations, for the smaller sets.
_base_ = './skysense-v2_seg_80k.py'
max_iters = 40000
train_cfg = dict(max_iters=max_iters, val_interval=4000)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(
        type='PolyLR',
        power=1.0,
        eta_min=0.0,
        by_epoch=False,
        begin=1500,
        end=max_iters)
]
auto_scale_lr = dict(base_batch_size=8)
