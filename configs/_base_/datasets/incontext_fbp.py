# Copyright (c) mmeo contributors. All rights reserved.
# Five-Billion-Pixels, in-distribution: red, green and blue of its 8-bit tiles
# of 512 px, examples of the training scenes, targets of the 30 test scenes.
# mIoU of 24 classes.
_base_ = './incontext.py'
data_root = 'data/fbp'
prepare = ('python tools/dataset_converters/fbp.py data/Five-Billion-Pixels '
           'data/fbp')
load = [
    dict(
        type='LoadRaster',
        num_bands=4,
        bands=[1, 2, 3],
        dtype='uint8',
        nodata=None),
    dict(type='NormalizeBands', preset='hr'),
    dict(type='LoadGeoAnnotations')
]
dataset = dict(
    type='FiveBillionPixelsDataset',
    data_root=data_root,
    prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        hierarchy='fbp',
        dataset=dict(splits=('test', ), pipeline=load, **dataset),
        exemplars=dict(pipeline=[*load, _base_.exemplar_crop], **dataset)))
test_dataloader = val_dataloader
