# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM in small, stage 2: three experts start as copies of stage 1's
# feed-forward networks and nothing else is trained.
_base_ = './rsunivlm-tiny_stage1_synthearth.py'

model = dict(
    moe=dict(type='GranularityMoE', num_experts=3),
    freeze=('vision', 'projector', 'llm'))
load_from = 'work_dirs/rsunivlm_synthearth/stage-1/seed0/iter_1200.pth'

max_iters, warmup = 150, 5
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=1 / warmup, end=warmup),
    dict(_base_.param_scheduler[1], begin=warmup, end=max_iters),
]
