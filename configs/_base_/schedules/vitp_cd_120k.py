# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's schedule of three change sets: 1000 iterations of warm-up, then
# linearly to 0.
_base_ = './vitp_seg_80k.py'
max_iters = 120000
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=2e-5))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1000),
    dict(
        type='PolyLR',
        power=1.0,
        eta_min=0.0,
        by_epoch=False,
        begin=1000,
        end=max_iters)
]
