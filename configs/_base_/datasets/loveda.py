# Copyright (c) mmeo contributors. All rights reserved.
# LoveDA at its own resolution, 0.3 m. mIoU of 7 classes; no-data pixels are
# ignored. The labels of the test set are kept by a server: its predictions are
# written, `tools/dataset_converters/loveda.py submit` packs them.
_base_ = './semseg.py'
data_root = 'data/loveda'
prepare = ('python tools/dataset_converters/loveda.py convert data/LoveDA '
           'data/loveda')
crop_size = (512, 512)
resize = dict(type='mmseg.Resize', scale=(1024, 1024), keep_ratio=True)
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
val_pipeline = [_base_.load[0], resize, _base_.load[1], pack]
test_pipeline = [_base_.load[0], resize, pack]
dataset = dict(type='LoveDADataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    dataset=dict(splits=('train', ), pipeline=train_pipeline, **dataset))
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
    format_only=True, output_dir='work_dirs/loveda_predictions')
