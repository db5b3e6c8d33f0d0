# Copyright (c) mmeo contributors. All rights reserved.
# RSAR for 36 epochs on all of the training set (ViTP, table 15: AP50 72.31).
_base_ = '../../../configs/vitp/rsar/vitp-l_oriented-rcnn_1x_rsar.py'

train_cfg = dict(max_epochs=36, val_interval=36)
# The paper names the epochs only; the steps are those of 12 epochs, times 3.
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
        end=36,
        milestones=[24, 33],
        gamma=0.1)
]
