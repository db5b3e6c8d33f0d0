# Copyright (c) mmeo contributors. All rights reserved.
# The released scripts of ViTP: warm-up over a fifth of all steps.
_base_ = './vitp_pretrain_8k.py'
max_iters = 8000
warmup_iters = 1600
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(
        _base_.param_scheduler[0],
        start_factor=1 / warmup_iters,
        end=warmup_iters),
    dict(_base_.param_scheduler[1], begin=warmup_iters, end=max_iters)
]
