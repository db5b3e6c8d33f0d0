# Copyright (c) mmeo contributors. All rights reserved.
# Detection with SkySense's recipe for DIOR (code of SkySense V1): 12 epochs,
# AdamW with layer decay, 1000 iterations of warm-up, steps at 8 and 11.
# Neither betas nor clipping are known; they are those of ViTP's schedule.
_base_ = './vitp_det_1x.py'
train_cfg = dict(val_interval=4)
optim_wrapper = dict(
    optimizer=dict(lr=1e-4), paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-3,
        by_epoch=False,
        begin=0,
        end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=True,
        begin=0,
        end=12,
        milestones=[8, 11],
        gamma=0.1)
]
