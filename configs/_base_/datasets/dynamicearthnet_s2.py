# Copyright (c) mmeo contributors. All rights reserved.
# DynamicEarthNet, the Sentinel-2 composite of each month on the 3 m grid of
# the labels, as it is distributed. Months without a composite are left out,
# and counted in the log. A crop of 256 px covers what a crop of 77 px would
# at 10 m, about the extent that SkySense is pretrained on.
_base_ = './dynamicearthnet.py'
crop_size = (256, 256)
load = [
    dict(
        type='LoadRaster', num_bands=12, bands=_base_.s2_bands, nodata=0),
    dict(type='NormalizeBands', preset='s2'),
    dict(type='LoadGeoAnnotations', value_map=_base_.ignore_snow)
]
train_pipeline = [
    *load,
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.95),
    *_base_.flips, _base_.pack
]
test_pipeline = [*load, _base_.pack]
tta_pipeline = [
    *load[:2],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[*_base_.tta, [load[2]], [_base_.pack]])
]
sensor = dict(modalities=('s2', ), skip_without=('s2', ))
train_dataloader = dict(
    batch_size=2, dataset=dict(pipeline=train_pipeline, **sensor))
test_dataset = dict(pipeline=test_pipeline, **sensor)
val_dataloader = dict(dataset=test_dataset)
test_dataloader = dict(dataset=test_dataset)
