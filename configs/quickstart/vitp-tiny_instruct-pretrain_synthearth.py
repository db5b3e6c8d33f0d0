# Copyright (c) mmeo contributors. All rights reserved.
# ViTP in small: instruction pretraining of a tiny InternViT inside a tiny
# vision-language model. The recipe's shape is the paper's (all parts trained,
# token drop 0.75, AdamW, cosine); learning rate and length suit random weights
# and a CPU.
_base_ = [
    '../_base_/models/internvl_tiny.py',
    '../_base_/datasets/synthearth_instruct.py',
]
default_scope = 'mmeo'
custom_imports = dict(imports=['mmeo'], allow_failed_imports=False)

model = dict(tokenizer=_base_.tokenizer)

train_cfg = dict(type='IterBasedTrainLoop', max_iters=300)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.98),
                   weight_decay=0.05),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=30),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.02,
        by_epoch=False,
        begin=30,
        end=300),
]
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook', by_epoch=False, interval=100,
        max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'))
log_processor = dict(by_epoch=False, window_size=10)
randomness = dict(seed=0)
