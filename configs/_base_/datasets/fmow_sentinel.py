# Copyright (c) mmeo contributors. All rights reserved.
# fMoW-Sentinel: 712 874 Sentinel-2 composites to train on, 84 939 to test on
# (the official val; labels of test_gt are public as well), 62 classes, about
# 50 px. Ten of 13 bands. Statistics are SkySense's of L2A; these are of L1C.
_base_ = './scene.py'
data_root = 'data/fmow-sentinel'
prepare = 'unpack fmow-sentinel.tar.gz, see docs/en/datasets_scene.md'
size = 96
load = [
    # B2 to B8, B8A, B11, B12.
    dict(
        type='LoadRaster',
        num_bands=13,
        bands=[2, 3, 4, 5, 6, 7, 8, 9, 12, 13]),
    dict(type='NormalizeBands', preset='s2')
]
train_pipeline = [
    *load,
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=size,
        crop_ratio_range=(0.2, 1.0)), *_base_.flips, _base_.pack
]
resize = dict(type='mmpretrain.Resize', scale=(size, size))
test_pipeline = [*load, resize, _base_.pack]
tta_model = dict(type='mmpretrain.AverageClsScoreTTA')
tta_pipeline = [
    *load, resize,
    dict(type='mmcv.TestTimeAug', transforms=[*_base_.tta, [_base_.pack]])
]
dataset = dict(
    type='FMoWSentinelDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    dataset=dict(
        ann_file='train.csv',
        data_prefix='train',
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(
        ann_file='val.csv',
        data_prefix='val',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
