# Copyright (c) mmeo contributors. All rights reserved.
# Stage 2 of SkySense-VITA: 10 000 iterations of 64 episodes, 8 GPUs x 8
# (paper). AdamW, 1e-4 and a tenth of it for encoders, warm-up and cosine,
# weight decay, bf16 and clipping are our choice.
max_iters = 10000
warmup_iters = 500
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='bfloat16',
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    # No decay of norms and biases, nor of what is learned once per query,
    # sensor, mode or level.
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(
        layer_decay_rate=1.0,
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'former.prototypes': dict(decay_mult=0.),
            'decoder.queries': dict(decay_mult=0.),
            'query_pos': dict(decay_mult=0.),
            'mode_embed': dict(decay_mult=0.),
            'role_embed': dict(decay_mult=0.),
            'sensor_embed': dict(decay_mult=0.),
            'no_object': dict(decay_mult=0.),
            'level_encoding': dict(decay_mult=0.)
        }),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-3,
        by_epoch=False,
        begin=0,
        end=warmup_iters),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        by_epoch=False,
        begin=warmup_iters,
        end=max_iters)
]
auto_scale_lr = dict(enable=False, base_batch_size=64)
# A batch may be without SAR, or without any example.
find_unused_parameters = True
