# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2's pretraining: AdamW, 2e-4 to 1e-6 along a cosine, 600 000
# iterations of 1024 samples (paper). Warm-up, weight decay 0.04 to 0.2,
# clipping and bf16: our choice, after DINOv2.
max_iters = 600000
warmup_iters = 10000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='bfloat16',
    optimizer=dict(
        type='AdamW', lr=2e-4, betas=(0.9, 0.999), weight_decay=0.04),
    # No decay of norms, biases, tokens, queries and tables.
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(
        layer_decay_rate=1.0,
        custom_keys=dict(
            queries=dict(decay_mult=0.),
            centroids=dict(decay_mult=0.),
            logit_scale=dict(decay_mult=0.))),
    clip_grad=dict(max_norm=3.0))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1 / warmup_iters,
        by_epoch=False,
        begin=0,
        end=warmup_iters),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-6,
        by_epoch=False,
        begin=warmup_iters,
        end=max_iters),
    # A ratio, so that parameters without decay stay without.
    dict(
        type='CosineAnnealingParamScheduler',
        param_name='weight_decay',
        eta_min_ratio=5.0,
        by_epoch=False,
        begin=0,
        end=max_iters),
]
auto_scale_lr = dict(base_batch_size=1024)
