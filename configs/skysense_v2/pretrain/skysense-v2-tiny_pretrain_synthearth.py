# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2's pretraining in small, on SynthEarth and a CPU. Class names have
# random orthogonal embeddings: they tell classes apart, and know no language.
_base_ = [
    '../../_base_/models/skysense-v2-tiny_pretrain.py',
    '../../_base_/datasets/synthearth_triplets.py',
    '../../_base_/skysense-v2_pretrain_runtime.py',
]

model = dict(
    ita=dict(
        class_names=_base_.classes,
        text_embeddings=f'{_base_.data_root}/text_embeddings.safetensors'))
# Crops of 192 and 96 pixels (6 and 3 of Sentinel's), one or two frames: a
# quarter of the time of those of the base. Colours change less: under the
# base's augmentation a run this short learns nothing from comparing pictures.
train_pipeline = [
    dict(type='LoadTriplet', dtype=None),
    dict(
        type='MultiModalMultiCrop',
        num_global=2,
        num_local=4,
        global_size=dict(hr=192, s2=6, s1=6),
        local_size=dict(hr=96, s2=3, s1=3),
        global_scale=(0.32, 1.0),
        local_scale=(0.05, 0.32)),
    dict(type='SampleFrames', s2=2, s1=1),
    dict(
        type='HRColorJitter',
        brightness=0.2,
        contrast=0.2,
        saturation=0.1,
        hue=0.02,
        prob=0.5),
    dict(type='HRBlur', prob=0.2),
    dict(type='Speckle', looks=10, prob=0.5),
    dict(type='DateJitter', days=5),
    dict(type='NormalizeBands'),
    dict(type='BandJitter', gain=0.1, bias=0.1),
    dict(type='RandomBandDrop', max_bands=2),
    dict(type='PackMultiModalCrops')
]
train_dataloader = dict(
    batch_size=8,
    sampler=dict(batch_size=8),
    dataset=dict(pipeline=train_pipeline))

max_iters = 100
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=5e-4, betas=(0.9, 0.999), weight_decay=0.04),
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(
        layer_decay_rate=1.0,
        custom_keys=dict(
            queries=dict(decay_mult=0.),
            centroids=dict(decay_mult=0.),
            logit_scale=dict(decay_mult=0.))),
    clip_grad=dict(max_norm=3.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        by_epoch=False,
        begin=20,
        end=max_iters),
    dict(
        type='CosineAnnealingParamScheduler',
        param_name='weight_decay',
        eta_min_ratio=5.0,
        by_epoch=False,
        begin=0,
        end=max_iters),
]
