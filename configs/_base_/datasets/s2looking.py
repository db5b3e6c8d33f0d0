# Copyright (c) mmeo contributors. All rights reserved.
# S2Looking as it is distributed, pairs of 1024 px; crops of 512 px.
_base_ = './change.py'
data_root = 'data/s2looking'
crop_size = (512, 512)
train_pipeline = [
    *_base_.load,
    dict(type='RandomRotFlip', rotate_prob=0.5, flip_prob=0.5, degree=20),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    _base_.exchange, _base_.photometric, _base_.pack
]
train_dataloader = dict(
    batch_size=1,
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(
            img_path='train/Image1',
            img_path2='train/Image2',
            seg_map_path='train/label'),
        pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(
            img_path='val/Image1',
            img_path2='val/Image2',
            seg_map_path='val/label')))
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(
            img_path='test/Image1',
            img_path2='test/Image2',
            seg_map_path='test/label')))
