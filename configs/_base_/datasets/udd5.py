# Copyright (c) mmeo contributors. All rights reserved.
# UDD5 as it is published: photographs by drones, some 4000 pixels wide;
# trained on crops, tested whole. mIoU of 5 classes, 'other' among them.
_base_ = './semseg.py'
data_root = 'data/udd5'
dataset_type = 'UDD5Dataset'
crop_size = (512, 512)
train_pipeline = [
    *_base_.load,
    dict(
        type='mmcv.RandomResize',
        scale=(2048, 1024),
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
        resize_type='mmseg.Resize'),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.augment
]
test_pipeline = [*_base_.load, dict(type='mmseg.PackSegInputs')]
train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='train/src', seg_map_path='train/gt'),
        pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='val/src', seg_map_path='val/gt'),
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
