# Copyright (c) mmeo contributors. All rights reserved.
# RSAR for 36 epochs on all of the training set (ViTP, table 15: AP50 72.31).
_base_ = '../../../configs/vitp/rsar/vitp-l_oriented-rcnn_1x_rsar.py'

train_cfg = dict(max_epochs=36, val_interval=36)
# The paper names the epochs only; the steps are those of 12 epochs, times 3.
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=36, milestones=[24, 33])
]
