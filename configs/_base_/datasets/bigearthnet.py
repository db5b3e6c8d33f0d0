# Copyright (c) mmeo contributors. All rights reserved.
# BigEarthNet v1, Sentinel-2: official splits (269 695, 123 723 and 125 866
# patches), 19 classes, 120 px enlarged to 128. mAP, micro and macro. A config
# for Sentinel-1 sets `modalities` of the datasets and their pipelines.
_base_ = './scene.py'
data_root = 'data/bigearthnet'
prepare = ('python tools/dataset_converters/bigearthnet.py '
           'data/BigEarthNet-v1.0 data/bigearthnet '
           '--s1-root data/BigEarthNet-S1-v1.0 --splits '
           'train=data/splits/train.csv val=data/splits/val.csv '
           'test=data/splits/test.csv --workers 16')
size = 128
load = [
    dict(type='LoadRaster', num_bands=10),
    dict(type='NormalizeBands', preset='s2'),
    dict(type='mmpretrain.Resize', scale=(size, size))
]
train_pipeline = [*load, *_base_.flips, _base_.pack]
test_pipeline = [*load, _base_.pack]
dataset = dict(
    type='BigEarthNetDataset',
    modalities='s2',
    data_root=data_root,
    prepare=prepare)
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    dataset=dict(ann_file='train.csv', pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(
        ann_file='val.csv',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(
        ann_file='test.csv',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
val_evaluator = dict(_delete_=True, type='MultiLabelMetric')
test_evaluator = val_evaluator
