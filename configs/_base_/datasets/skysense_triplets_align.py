# Copyright (c) mmeo contributors. All rights reserved.
# Pairs of 0.3 m pictures and Sentinel-1 for stage 1 of SkySense-VITA, out of
# the triplets that SkySense V2 pretrains on (docs/en/datasets_multimodal.md):
# 1024 px of the picture are 32 of Sentinel-1. Numbers are our choice.
data_root = 'data/skysense'
load = [
    dict(type='SampleFrames', s1=2),  # before reading
    dict(type='LoadTriplet', dtype=None, load_label=False),
]
train_pipeline = [
    *load,
    dict(type='MultiModalRandomCrop', size=dict(hr=1024, s1=32)),
    dict(
        type='AlignViews',
        size=32,
        optical_size=512,
        num_views=2,
        scale=(0.4, 1.0)),
    dict(type='Speckle', looks=4, prob=1.0),
    dict(type='GainJitter', db=1.0),
    dict(type='NormalizeBands'),
    dict(type='PackAlignInputs')
]
val_pipeline = [
    dict(type='SampleFrames', s1=1, mode='even'),
    load[1],
    dict(
        type='MultiModalRandomCrop', size=dict(hr=1024, s1=32), center=True),
    dict(
        type='AlignViews',
        size=32,
        optical_size=512,
        num_views=1,
        whole=True),
    dict(type='NormalizeBands'),
    dict(type='PackAlignInputs')
]
dataset = dict(
    type='MultiModalSeriesDataset',
    data_root=data_root,
    data_prefix=dict(series='series'),
    modalities=('hr', 's1'),
    required=('hr', 's1'))
train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', batch_size=16),
    collate_fn=dict(type='default_collate'),
    dataset=dict(dataset, ann_file='align_train.txt',
                 pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        dataset,
        ann_file='align_val.txt',
        pipeline=val_pipeline,
        test_mode=True))
val_evaluator = dict(type='RetrievalMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
