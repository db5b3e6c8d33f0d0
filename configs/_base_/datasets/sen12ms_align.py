# Copyright (c) mmeo contributors. All rights reserved.
# Pairs of Sentinel-1 and Sentinel-2 for stage 1 of SkySense-VITA: SEN12MS,
# 180 662 places of 256 x 256 px at 10 m, VV and VH in dB. The paper does not
# name its pairs; data and numbers are our choice. The lists of places:
# docs/en/skysense_vita_alignment.md.
data_root = 'data/SEN12MS'
view_size = 256
load = [
    # Level 1C with all 13 bands: those that the preset 's2' names.
    dict(
        type='LoadTriplet',
        bands=dict(s2=[2, 3, 4, 5, 6, 7, 8, 9, 12, 13], s1=[1, 2])),
    dict(type='RenderOptical', source='s2', target='hr', limits=(0, 3000)),
]
train_pipeline = [
    *load,
    dict(type='AlignViews', size=view_size, num_views=2, scale=(0.4, 1.0)),
    dict(type='Speckle', looks=4, prob=1.0),
    dict(type='GainJitter', db=1.0),
    dict(type='NormalizeBands'),
    dict(type='PackAlignInputs')
]
val_pipeline = [
    *load,
    dict(type='AlignViews', size=view_size, num_views=1, whole=True),
    dict(type='NormalizeBands'),
    dict(type='PackAlignInputs')
]
dataset = dict(
    type='SensorFoldersDataset',
    data_root=data_root,
    # One folder holds the season's s1_N, s2_N and lc_N.
    data_prefix=dict(s2='', s1=''),
    contains='_s2_',
    replace=dict(s1={'s2_': 's1_'}))
train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', batch_size=16),
    collate_fn=dict(type='default_collate'),
    dataset=dict(dataset, ann_file='train.txt', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        dataset, ann_file='val.txt', pipeline=val_pipeline, test_mode=True))
val_evaluator = dict(type='RetrievalMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
