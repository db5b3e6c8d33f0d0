# Copyright (c) mmeo contributors. All rights reserved.
# Pretraining data of SkySense V2: HR, Sentinel-2 and Sentinel-1 of one place,
# see docs/en/datasets_multimodal.md. Sizes, series lengths and augmentation
# are not all published: 20 and 10 frames are SkySense's, the rest is ours.
data_root = 'data/skysense'
train_pipeline = [
    dict(type='SampleFrames', s2=20, s1=10),  # before reading
    dict(type='LoadTriplet', dtype=None),
    dict(
        type='MultiModalMultiCrop',
        num_global=2,
        num_local=4,
        global_size=dict(hr=512, s2=16, s1=16),
        local_size=dict(hr=256, s2=8, s1=8),
        global_scale=(0.32, 1.0),
        local_scale=(0.05, 0.32)),
    # Each crop has its own frames, of those that were read.
    dict(type='SampleFrames', s2=10, s1=5),
    dict(type='HRColorJitter', prob=0.8),
    dict(type='HRGrayscale', prob=0.2),
    dict(type='HRBlur', prob=0.5),
    dict(type='HRSolarize', prob=0.2),
    dict(type='Speckle', looks=10, prob=0.5),
    dict(type='DateJitter', days=5),
    dict(type='NormalizeBands'),
    dict(type='BandJitter', gain=0.1, bias=0.1),
    dict(type='RandomBandDrop', max_bands=2),
    dict(type='PackMultiModalCrops')
]
train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', batch_size=8),
    # Samples may lack a sensor.
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='MultiModalSeriesDataset',
        data_root=data_root,
        data_prefix=dict(series='series', osm='osm'),
        legend='osm_classes.json',
        required=('hr', ),
        pipeline=train_pipeline))
