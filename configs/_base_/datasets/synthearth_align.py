# Copyright (c) mmeo contributors. All rights reserved.
# Stage 1 of SkySense-VITA on SynthEarth: optical images and radar of the same
# places at 1.2 m, 128 px, those that its episodes are made of.
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth --in-context')
view_size = 96
train_pipeline = [
    dict(type='LoadTriplet', dtype=None),
    dict(
        type='AlignViews',
        size=view_size,
        optical_size=128,
        num_views=2,
        scale=(0.4, 1.0)),
    dict(type='Speckle', looks=4, prob=1.0),
    dict(type='GainJitter', db=1.0),
    dict(type='NormalizeBands'),
    dict(type='PackAlignInputs')
]
val_pipeline = [
    dict(type='LoadTriplet', dtype=None),
    dict(
        type='AlignViews',
        size=view_size,
        optical_size=128,
        num_views=1,
        whole=True),
    dict(type='NormalizeBands'),
    dict(type='PackAlignInputs')
]
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='ResumableInfiniteSampler', batch_size=16),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='SensorFoldersDataset',
        data_root=data_root,
        data_prefix=dict(
            hr='train/incontext/optical', s1='train/incontext/sar'),
        prepare=prepare,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='SensorFoldersDataset',
        data_root=data_root,
        data_prefix=dict(hr='val/incontext/optical', s1='val/incontext/sar'),
        test_mode=True,
        prepare=prepare,
        pipeline=val_pipeline))
val_evaluator = dict(type='RetrievalMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
