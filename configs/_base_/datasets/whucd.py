# Copyright (c) mmeo contributors. All rights reserved.
# WHU-CD in tiles of 256 px, with lists of names.
_base_ = './change.py'
data_root = 'data/whu_cd'
prepare = ('python tools/dataset_converters/whucd.py BEFORE.tif AFTER.tif '
           'LABEL.tif data/whu_cd --splits train=0.8 val=0.1 test=0.1')
crop_size = (256, 256)
train_pipeline = [
    *_base_.load,
    dict(type='RandomRotFlip', rotate_prob=0.5, flip_prob=0.5, degree=20),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    _base_.exchange, _base_.photometric, _base_.pack
]
dataset = dict(
    data_root=data_root,
    data_prefix=dict(img_path='A', img_path2='B', seg_map_path='label'),
    prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        ann_file='list/train.txt', pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(ann_file='list/val.txt', **dataset))
test_dataloader = dict(dataset=dict(ann_file='list/test.txt', **dataset))
