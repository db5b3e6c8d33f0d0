# Copyright (c) mmeo contributors. All rights reserved.
# LEVIR-CD: trained on tiles of 256 px, tested on the pairs of 1024 px.
_base_ = './change.py'
data_root = 'data/levir_cd'
prepare = ('python tools/dataset_converters/levircd.py data/levir_cd '
           'data/levir_cd/tiles_256')
crop_size = (256, 256)
train_pipeline = [
    *_base_.load,
    dict(type='mmseg.RandomRotate', prob=0.5, degree=180),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.flips, _base_.exchange, _base_.photometric, _base_.pack
]
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(
            img_path='tiles_256/A',
            img_path2='tiles_256/B',
            seg_map_path='tiles_256/label'),
        ann_file='tiles_256/list/train.txt',
        pipeline=train_pipeline,
        prepare=prepare))
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(
            img_path='val/A', img_path2='val/B', seg_map_path='val/label')))
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(
            img_path='test/A', img_path2='test/B',
            seg_map_path='test/label')))
