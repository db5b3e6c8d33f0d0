# Copyright (c) mmeo contributors. All rights reserved.
# fMoW-Sentinel on the frozen backbone, a linear probe (our choice): AdamW at
# 1e-3 without decay. The paper reports none.
_base_ = './skysense-v2-h_linear_30e_fmow-s2-96.py'
model = dict(
    backbone=dict(frozen_stages=4, drop_path_rate=0.0, with_cp=False))
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.0))
