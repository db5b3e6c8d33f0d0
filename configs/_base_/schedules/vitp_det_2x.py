# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's schedule of detection over 24 epochs.
_base_ = './vitp_det_1x.py'
train_cfg = dict(max_epochs=24, val_interval=24)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=24, milestones=[16, 22])
]
