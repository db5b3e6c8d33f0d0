# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2's pretraining on one machine of 8 GPUs (our choice): 100 000
# iterations of 64 samples, the learning rate by the root of the batch, a
# shorter warm-up.
_base_ = './skysense-v2-h_pretrain_600k.py'

max_iters = 100000
warmup_iters = 5000
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=5e-5))
param_scheduler = [
    dict(
        _base_.param_scheduler[0],
        start_factor=1 / warmup_iters,
        end=warmup_iters),
    dict(_base_.param_scheduler[1], begin=warmup_iters, end=max_iters),
    dict(_base_.param_scheduler[2], end=max_iters)
]
auto_scale_lr = dict(base_batch_size=64)
