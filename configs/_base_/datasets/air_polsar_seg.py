# Copyright (c) mmeo contributors. All rights reserved.
# AIR-PolSAR-Seg: Gaofen-3, four polarisations of 8 m in decibel, 512 px. mIoU
# of 6 classes, unlabelled pixels are ignored. Validation is on the test set.
_base_ = './multiband.py'
data_root = 'data/air_polsar_seg'
prepare = ('python tools/dataset_converters/air_polsar_seg.py '
           'data/AIR-PolSAR-Seg data/air_polsar_seg')
crop_size = (256, 256)
load = [
    dict(type='LoadRaster', num_bands=4),
    # HH, HV, VH, VV. Rounded for amplitudes of some hundred, not measured:
    # take what the converter prints.
    dict(
        type='NormalizeBands',
        mean=[42.0, 38.0, 38.0, 42.0],
        std=[9.0, 9.0, 9.0, 9.0]),
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
dataset = dict(
    type='AIRPolSARSegDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(splits=('train', ), pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        splits=('test', ), test_mode=True, pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
