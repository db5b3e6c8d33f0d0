# Copyright (c) mmeo contributors. All rights reserved.
# VDD as it is published: photographs by drones, 4000 pixels wide; trained on
# crops, tested whole. mIoU of 7 classes, 'other' among them.
_base_ = './udd5.py'
data_root = 'data/vdd'
dataset_type = 'VDDDataset'
train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
test_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='test/src', seg_map_path='test/gt')))
