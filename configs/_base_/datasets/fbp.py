# Copyright (c) mmeo contributors. All rights reserved.
# Five-Billion-Pixels: Gaofen-2, red, green, blue and near infrared, 4 m, 8
# bit, in tiles of 512 px. mIoU of 24 classes, unlabelled pixels are ignored.
# The 30 test scenes are those of its article; validation is on them, too.
_base_ = './multiband.py'
data_root = 'data/fbp'
prepare = ('python tools/dataset_converters/fbp.py data/Five-Billion-Pixels '
           'data/fbp')
crop_size = (512, 512)
load = [
    dict(type='LoadRaster', num_bands=4),
    # Those of PANGAEA's benchmark for this data set. The converter prints
    # what your tiles have; images of 16 bit need that.
    dict(
        type='NormalizeBands',
        mean=[124.3, 94.2, 98.0, 92.6],
        std=[51.0, 50.0, 47.1, 44.5]),
    dict(type='LoadGeoAnnotations')
]
train_pipeline = [
    *load,
    dict(
        type='mmcv.RandomResize',
        scale=crop_size,
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
        resize_type='mmseg.Resize'),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.flips, _base_.pack
]
test_pipeline = [*load, _base_.pack]
tta_pipeline = [
    *load[:2],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[*_base_.tta, [load[2]], [_base_.pack]])
]
dataset = dict(
    type='FiveBillionPixelsDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(splits=('train', ), pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        splits=('test', ), test_mode=True, pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
