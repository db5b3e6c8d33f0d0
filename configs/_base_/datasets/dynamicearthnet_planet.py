# Copyright (c) mmeo contributors. All rights reserved.
# DynamicEarthNet, PlanetFusion of the first of each month, whole areas.
_base_ = './dynamicearthnet.py'
crop_size = (1024, 1024)
load = [
    dict(type='LoadRaster', num_bands=4, bands=_base_.planet_bands),
    dict(type='NormalizeBands', preset='planet'),
    dict(type='LoadGeoAnnotations', value_map=_base_.ignore_snow)
]
train_pipeline = [*load, *_base_.flips, _base_.pack]
test_pipeline = [*load, _base_.pack]
tta_pipeline = [
    *load[:2],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[*_base_.tta, [load[2]], [_base_.pack]])
]
train_dataloader = dict(
    batch_size=1, dataset=dict(modalities=('hr', ), pipeline=train_pipeline))
test_dataset = dict(modalities=('hr', ), pipeline=test_pipeline)
val_dataloader = dict(dataset=test_dataset)
test_dataloader = dict(dataset=test_dataset)
