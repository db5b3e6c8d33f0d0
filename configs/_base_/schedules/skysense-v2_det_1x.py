# Copyright (c) mmeo contributors. All rights reserved.
# Detection with SkySense's recipe for DIOR (code of SkySense V1): 12 epochs,
# AdamW with layer decay, 1000 iterations of warm-up, steps at 8 and 11.
# Betas and clipping are those of ViTP's schedule.
_base_ = './vitp_det_1x.py'
train_cfg = dict(val_interval=4)
optim_wrapper = dict(
    optimizer=dict(lr=1e-4), paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=1e-3, end=1000),
    _base_.param_scheduler[1]
]
