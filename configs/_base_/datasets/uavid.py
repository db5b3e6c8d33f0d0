# Copyright (c) mmeo contributors. All rights reserved.
# UAVid: trained on tiles of 1024 px, tested on whole frames of 4K. mIoU of 8
# classes, clutter among them. The labels of the test set are kept by a server:
# its predictions are written, `tools/dataset_converters/uavid.py submit` draws
# them in the official colours.
_base_ = './semseg.py'
data_root = 'data/uavid'
prepare = ('python tools/dataset_converters/uavid.py convert data/UAVid '
           'data/uavid')
crop_size = (768, 768)
train_pipeline = [
    *_base_.load,
    dict(
        type='mmcv.RandomResize',
        scale=(1024, 1024),
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
        resize_type='mmseg.Resize'),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.augment
]
pack = dict(type='mmseg.PackSegInputs')
val_pipeline = [*_base_.load, pack]
test_pipeline = [_base_.load[0], pack]
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.Resize', scale_factor=ratio, keep_ratio=True)
            for ratio in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
        ], [
            dict(type='mmseg.RandomFlip', prob=0.0),
            dict(type='mmseg.RandomFlip', prob=1.0)
        ], [pack]])
]
dataset = dict(type='UAVidDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    dataset=dict(splits=('train_tiles', ), pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        splits=('val', ), test_mode=True, pipeline=val_pipeline, **dataset))
test_dataloader = dict(
    dataset=dict(
        data_prefix=dict(img_path='img_dir'),
        splits=('test', ),
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_evaluator = dict(
    format_only=True, output_dir='work_dirs/uavid_predictions')
