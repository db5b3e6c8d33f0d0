# Copyright (c) mmeo contributors. All rights reserved.
# BigEarthNet-MM, both sensors, on the frozen backbone: fusion and linear layer
# are trained, AdamW at 1e-3 without decay (our choice). The paper reports
# none.
_base_ = './skysense-v2-h-mm_multilabel-linear_30e_bigearthnet100-s2-s1-128.py'
model = dict(
    backbone=dict(
        freeze_backbone=True,
        backbone=dict(drop_path_rate=0.0, with_cp=False)))
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.0))
