# Copyright (c) mmeo contributors. All rights reserved.
# ADE20K (SceneParsing, 150 classes) as it is distributed; label 0 is ignored.
_base_ = './semseg.py'
data_root = 'data/ade/ADEChallengeData2016'
crop_size = (512, 512)
train_pipeline = [
    *_base_.load,
    dict(
        type='mmcv.RandomResize',
        scale=(2048, 512),
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
        resize_type='mmseg.Resize'),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.augment
]
test_pipeline = [
    _base_.load[0],
    dict(type='mmseg.Resize', scale=(2048, 512), keep_ratio=True),
    _base_.load[1],
    dict(type='mmseg.PackSegInputs')
]
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(
                type='mmseg.Resize',
                scale=(int(2048 * ratio), int(512 * ratio)),
                keep_ratio=True) for ratio in (0.75, 1.0, 1.25)
        ], [
            dict(type='mmseg.RandomFlip', prob=0.0),
            dict(type='mmseg.RandomFlip', prob=1.0)
        ], [_base_.load[1]], [dict(type='mmseg.PackSegInputs')]])
]
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        type='ADE20KDataset',
        data_root=data_root,
        data_prefix=dict(
            img_path='images/training', seg_map_path='annotations/training'),
        pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(
        type='ADE20KDataset',
        data_root=data_root,
        data_prefix=dict(
            img_path='images/validation',
            seg_map_path='annotations/validation'),
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
