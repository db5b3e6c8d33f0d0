# Copyright (c) mmeo contributors. All rights reserved.
# ADE20K: the paper gives 160 000 iterations, the rest is ViT-Adapter's
# published recipe (arXiv 2205.08534).
_base_ = './vitp_seg_80k.py'
max_iters = 160000
train_cfg = dict(max_iters=max_iters, val_interval=16000)
optim_wrapper = dict(
    optimizer=dict(lr=2e-5), paramwise_cfg=dict(layer_decay_rate=0.95))
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
