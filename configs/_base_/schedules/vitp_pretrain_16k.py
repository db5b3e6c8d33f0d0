# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's pretraining on general data (paper, appendix B): 16 000 steps.
_base_ = './vitp_pretrain_8k.py'
max_iters = 16000
warmup_iters = 480
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(
        _base_.param_scheduler[0],
        start_factor=1 / warmup_iters,
        end=warmup_iters),
    dict(_base_.param_scheduler[1], begin=warmup_iters, end=max_iters)
]
