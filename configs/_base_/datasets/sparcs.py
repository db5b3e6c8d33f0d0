# Copyright (c) mmeo contributors. All rights reserved.
# SPARCS: 80 scenes of Landsat 8, 1000 px of 30 m, 10 bands (all but the
# panchromatic one). mIoU of 7 classes. There is no official split: the lists
# are a seeded draw of 64 and 16 scenes.
_base_ = './multiband.py'
data_root = 'data/sparcs'
prepare = 'python tools/dataset_converters/sparcs.py data/sparcs'
crop_size = (256, 256)
load = [
    # Digital numbers to reflectance (B1-B7, B9), as Landsat 8's metadata say;
    # the thermal bands B10, B11 follow the same scale.
    dict(type='LoadRaster', num_bands=10, scale=2e-5, offset=-0.1),
    # Rounded from the physics of clouds over land, not measured: take what
    # the converter prints.
    dict(
        type='NormalizeBands',
        mean=[.25, .24, .23, .23, .30, .20, .15, .01, .36, .33],
        std=[.15, .16, .16, .17, .16, .12, .10, .02, .08, .07]),
    dict(type='LoadGeoAnnotations')
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
dataset = dict(type='SPARCSDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        ann_file='list/train.txt', pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        ann_file='list/val.txt',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
