# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's schedule of detection over 24 epochs.
_base_ = './vitp_det_1x.py'
train_cfg = dict(max_epochs=24, val_interval=24)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1.0 / 3,
        by_epoch=False,
        begin=0,
        end=500),
    dict(
        type='MultiStepLR',
        by_epoch=True,
        begin=0,
        end=24,
        milestones=[16, 22],
        gamma=0.1)
]
