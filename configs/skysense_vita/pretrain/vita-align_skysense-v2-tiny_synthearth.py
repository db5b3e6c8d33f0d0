# Copyright (c) mmeo contributors. All rights reserved.
# Stage 1 of SkySense-VITA in small, on SynthEarth and a CPU, from the weights
# of skysense-v2-tiny_pretrain_synthearth.py.
_base_ = [
    '../../_base_/models/vita-align_tiny.py',
    '../../_base_/datasets/synthearth_align.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    sar=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/skysense-v2-tiny_synthearth.safetensors')))

max_iters = 200
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=100)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-4, weight_decay=0.05),
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(
        layer_decay_rate=1.0,
        custom_keys=dict(logit_scale=dict(decay_mult=0.))),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        by_epoch=False,
        begin=20,
        end=max_iters)
]
