# Copyright (c) mmeo contributors. All rights reserved.
# Stage 1 of SkySense-VITA: 80 GPUs (paper) of 16 pairs each, 20 000
# iterations of AdamW along a cosine, bf16; all numbers but that of the GPUs
# are our choice. Negatives come from all GPUs: 1280 pairs.
max_iters = 20000
warmup_iters = 1000
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=2000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='bfloat16',
    optimizer=dict(
        type='AdamW', lr=2e-4, betas=(0.9, 0.999), weight_decay=0.05),
    # No decay of norms, biases, tokens and tables.
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(
        layer_decay_rate=1.0,
        custom_keys=dict(logit_scale=dict(decay_mult=0.))),
    clip_grad=dict(max_norm=1.0))
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
        end=max_iters)
]
auto_scale_lr = dict(enable=False, base_batch_size=1280)
