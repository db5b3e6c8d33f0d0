# Copyright (c) mmeo contributors. All rights reserved.
# SynthEarth's triplets for pretraining on a CPU: crops of 256 and 128 HR px;
# labels are the 16 kinds of the class tree, in place of OSM tags.
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth')
classes = ('residential building', 'non-residential building', 'facility',
           'street', 'airfield', 'crossing and quay', 'vehicle', 'craft',
           'inland water', 'sea', 'forest', 'herbaceous', 'arable',
           'permanent crop', 'natural bare', 'worked bare')
train_pipeline = [
    dict(type='LoadTriplet', dtype=None),
    dict(
        type='MultiModalMultiCrop',
        num_global=2,
        num_local=4,
        global_size=dict(hr=256, s2=8, s1=8),
        local_size=dict(hr=128, s2=4, s1=4),
        global_scale=(0.32, 1.0),
        local_scale=(0.05, 0.32)),
    # A series has 5 and 3 frames.
    dict(type='SampleFrames', s2=3, s1=2),
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
    batch_size=2,
    num_workers=0,
    sampler=dict(type='ResumableInfiniteSampler', batch_size=2),
    # Samples may lack a sensor.
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='MultiModalSeriesDataset',
        data_root=data_root,
        data_prefix=dict(series='train/series'),
        legend='semantics.json',
        legend_level=1,
        metainfo=dict(classes=classes),
        prepare=prepare,
        pipeline=train_pipeline))
