# Copyright (c) mmeo contributors. All rights reserved.
# SVCD (also called CDD), `Real/subset`: JPEG pairs of 256 px, whose masks are
# JPEGs as well and read with a threshold.
_base_ = './change.py'
data_root = 'data/svcd'
crop_size = (256, 256)
train_pipeline = [
    *_base_.load,
    dict(type='mmseg.RandomRotate', prob=0.5, degree=180), *_base_.flips,
    _base_.photometric, _base_.pack
]
dataset = dict(data_root=data_root, img_suffix='.jpg', seg_map_suffix='.jpg')
train_dataloader = dict(
    dataset=dict(
        data_prefix=dict(
            img_path='train/A', img_path2='train/B', seg_map_path='train/OUT'),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    dataset=dict(
        data_prefix=dict(
            img_path='val/A', img_path2='val/B', seg_map_path='val/OUT'),
        **dataset))
test_dataloader = dict(
    dataset=dict(
        data_prefix=dict(
            img_path='test/A', img_path2='test/B', seg_map_path='test/OUT'),
        **dataset))
