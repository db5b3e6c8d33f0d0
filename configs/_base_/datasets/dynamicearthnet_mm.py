# Copyright (c) mmeo contributors. All rights reserved.
# DynamicEarthNet, whole areas: Planet (1024 px of 3 m) with the composites of
# Sentinel-2 and Sentinel-1 of the month, which are brought back from the 3 m
# grid that they are distributed on to 256 px of 12 m (our choice). A month
# without a composite is read without that sensor.
_base_ = './dynamicearthnet.py'
load = [
    dict(
        type='LoadSeriesFiles',
        sources=dict(
            hr=dict(gsd=3.0, bands=_base_.planet_bands),
            s2=dict(gsd=3.0, bands=_base_.s2_bands, nodata=0),
            s1=dict(gsd=3.0, bands=_base_.s1_bands, nodata=0))),
    dict(type='MultiModalResize', size=dict(s2=256, s1=256)),
    # Power instead of decibels stops with a message: set
    # `s1=dict(preset='s1', unit='linear')`.
    dict(type='NormalizeBands', modalities=dict(hr='planet', s2='s2', s1='s1'))
]
label = dict(type='LoadSeriesAnnotations', value_map=_base_.ignore_snow)
pack = dict(
    type='PackMultiModalInputs',
    meta_keys=(*_base_.meta_keys, 'turn'))
train_pipeline = [
    *load, label,
    dict(type='MultiModalRandomFlip', turn=0.5), pack
]
test_pipeline = [*load, label, pack]
modalities = ('hr', 's2', 's1')
optional = ('s2', 's1')
sensors = dict(modalities=modalities, optional=optional)
collate_fn = dict(type='list_collate')
train_dataloader = dict(
    batch_size=1,
    collate_fn=collate_fn,
    dataset=dict(pipeline=train_pipeline, **sensors))
test_dataset = dict(pipeline=test_pipeline, **sensors)
val_dataloader = dict(collate_fn=collate_fn, dataset=test_dataset)
test_dataloader = dict(collate_fn=collate_fn, dataset=test_dataset)
