# Copyright (c) mmeo contributors. All rights reserved.
# ISPRS Potsdam, 0.05 m: tiles of 512 px to train on, of 1000 px to test with.
# mF1 of five classes: clutter is ignored in training and evaluation. There is
# no official validation set; that of a training run is the test set.
_base_ = './semseg.py'
data_root = 'data/potsdam'
prepare = ('python tools/dataset_converters/potsdam.py data/Potsdam '
           'data/potsdam')
classes = ('impervious_surface', 'building', 'low_vegetation', 'tree', 'car')
crop_size = (512, 512)
train_pipeline = [
    *_base_.load,
    dict(
        type='mmcv.RandomResize',
        scale=crop_size,
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
        resize_type='mmseg.Resize'),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.augment
]
test_pipeline = [*_base_.load, dict(type='mmseg.PackSegInputs')]
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.Resize', scale_factor=ratio, keep_ratio=True)
            for ratio in (0.75, 1.0, 1.25)
        ], [
            dict(type='mmseg.RandomFlip', prob=0.0),
            dict(type='mmseg.RandomFlip', prob=1.0)
        ], [_base_.load[1]], [dict(type='mmseg.PackSegInputs')]])
]
dataset = dict(
    type='PotsdamDataset',
    data_root=data_root,
    metainfo=dict(classes=classes),
    prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(splits=('train', ), pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        splits=('test', ), test_mode=True, pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(iou_metrics=['mFscore', 'mIoU'])
test_evaluator = val_evaluator
