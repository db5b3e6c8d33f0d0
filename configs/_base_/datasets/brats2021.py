# Copyright (c) mmeo contributors. All rights reserved.
# BraTS 2021, axial slices of 240 px with flair, t1ce and t2 as channels,
# enlarged to 512 px. mDice of the tumour's parts over all pixels of the set;
# `with_background` as mmseg's mDice counts it.
_base_ = './semseg.py'
data_root = 'data/brats2021'
prepare = ('python tools/dataset_converters/brats.py '
           'data/BraTS2021_Training_Data data/brats2021')
crop_size = (512, 512)
resize = dict(type='mmseg.Resize', scale=crop_size, keep_ratio=True)
pack = dict(type='mmseg.PackSegInputs')
train_pipeline = [
    *_base_.load,
    dict(
        type='mmcv.RandomResize',
        scale=crop_size,
        ratio_range=(0.75, 1.5),
        keep_ratio=True,
        resize_type='mmseg.Resize'),
    dict(type='mmseg.RandomRotate', prob=0.5, degree=15, seg_pad_val=0),
    dict(type='mmseg.RandomCrop', crop_size=crop_size),
    dict(type='mmseg.RandomFlip', prob=0.5),
    pack
]
test_pipeline = [_base_.load[0], resize, _base_.load[1], pack]
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.Resize', scale=(s, s), keep_ratio=True)
            for s in (384, 512, 640)
        ], [
            dict(type='mmseg.RandomFlip', prob=0.0, direction='horizontal'),
            dict(type='mmseg.RandomFlip', prob=1.0, direction='horizontal')
        ], [_base_.load[1]], [pack]])
]
dataset = dict(type='BraTSDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(splits=('train', ), pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        splits=('val', ), test_mode=True, pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='DiceMetric', ignore_classes=[0]),
    dict(type='DiceMetric', prefix='with_background')
]
test_evaluator = val_evaluator
