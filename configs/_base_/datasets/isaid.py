# Copyright (c) mmeo contributors. All rights reserved.
# iSAID in tiles of 896 px with an overlap of 384. mIoU is the mean over 16
# classes, background among them, on the tiles of val (mmseg's convention).
_base_ = './semseg.py'
data_root = 'data/isaid'
prepare = ('python tools/dataset_converters/isaid.py convert data/iSAID '
           'data/isaid')
crop_size = (896, 896)
resize = dict(type='mmseg.Resize', scale=crop_size, keep_ratio=True)
train_pipeline = [
    *_base_.load, resize,
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.augment
]
test_pipeline = [
    _base_.load[0], resize, _base_.load[1],
    dict(type='mmseg.PackSegInputs')
]
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.Resize', scale_factor=ratio, keep_ratio=True)
            for ratio in (0.75, 1.0, 1.5)
        ], [
            dict(type='mmseg.RandomFlip', prob=0.0),
            dict(type='mmseg.RandomFlip', prob=1.0)
        ], [_base_.load[1]], [dict(type='mmseg.PackSegInputs')]])
]
dataset = dict(type='ISAIDDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(splits=('train', ), pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        splits=('val', ), test_mode=True, pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
