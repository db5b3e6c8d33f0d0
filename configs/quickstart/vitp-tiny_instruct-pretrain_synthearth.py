# Copyright (c) mmeo contributors. All rights reserved.
# ViTP in small: instruction pretraining of a tiny InternViT inside a tiny
# vision-language model. The recipe's shape is the paper's (all parts trained,
# token drop 0.75, AdamW, cosine); learning rate and length suit random weights
# and a CPU.
_base_ = [
    '../_base_/models/internvl_tiny.py',
    '../_base_/datasets/synthearth_instruct.py',
    '../_base_/default_runtime.py',
]

model = dict(tokenizer=_base_.tokenizer)

max_iters = 160
# Steps of 8 samples, on any number of processes.
train_cfg = dict(
    type='TokenWeightedTrainLoop', max_iters=max_iters, global_batch_size=8)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, betas=(0.9, 0.98),
                   weight_decay=0.05),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.02,
        by_epoch=False,
        begin=20,
        end=max_iters),
]
default_hooks = dict(checkpoint=dict(interval=40))
