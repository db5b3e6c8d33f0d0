# Copyright (c) mmeo contributors. All rights reserved.
# OSCD: pairs of Sentinel-2 (L1C, 10 bands on a grid of 10 m), 14 cities to
# train and 10 to test. F1 of the changed class. Validation is on the test set.
_base_ = './change.py'
data_root = 'data/oscd'
prepare = 'python tools/dataset_converters/oscd.py data/OSCD data/oscd'
crop_size = (96, 96)
load = [
    dict(
        type='LoadChangePair', loader=dict(type='LoadRaster', num_bands=10)),
    # The statistics of pretraining, which are those of L2A: in L1C the short
    # waves are brighter by the haze.
    dict(
        type='ForEachDate',
        transforms=[dict(type='NormalizeBands', preset='s2')]),
    dict(type='LoadGeoAnnotations', threshold=128)
]
train_pipeline = [
    *load,
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.99),
    *_base_.flips, _base_.exchange, _base_.pack
]
test_pipeline = [*load, _base_.pack]
tta_pipeline = [
    *load[:2],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.RandomFlip', prob=0.0),
            dict(type='mmseg.RandomFlip', prob=1.0, direction='horizontal'),
            dict(type='mmseg.RandomFlip', prob=1.0, direction='vertical')
        ], [load[2]], [_base_.pack]])
]
dataset = dict(
    data_root=data_root,
    data_prefix=dict(img_path='A', img_path2='B', seg_map_path='label'),
    img_suffix='.tif',
    prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        ann_file='list/train.txt', pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(ann_file='list/test.txt', pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
