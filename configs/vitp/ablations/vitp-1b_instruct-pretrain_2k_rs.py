# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's Figure 5: 2 000 steps, with a cosine and a 3 % warm-up of their own
# (our choice; the paper does not say).
_base_ = '../pretrain/vitp-1b_instruct-pretrain_8k_rs.py'
max_iters = 2000
warmup_iters = 60
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(
        _base_.param_scheduler[0],
        start_factor=1 / warmup_iters,
        end=warmup_iters),
    dict(_base_.param_scheduler[1], begin=warmup_iters, end=max_iters)
]
