# Copyright (c) mmeo contributors. All rights reserved.
# As rsunivlm-1b_stage1_1e.py with the paper's "batch size 4" read as 4
# samples in all: one on each of 4 GPUs.
_base_ = './rsunivlm-1b_stage1_1e.py'

max_iters = -(-_base_.num_samples // 4)
warmup_iters = -(-3 * max_iters // 100)
train_cfg = dict(max_iters=max_iters, global_batch_size=4)
param_scheduler = [
    dict(
        _base_.param_scheduler[0],
        start_factor=1 / warmup_iters,
        end=warmup_iters),
    dict(_base_.param_scheduler[1], begin=warmup_iters, end=max_iters)
]
train_dataloader = dict(batch_size=1)
