# Copyright (c) mmeo contributors. All rights reserved.
# DOTA-v1.0 in 1024 px patches with an overlap of 200. The test set has no
# labels: its predictions are merged into the submission for the evaluation
# server.
_base_ = './oriented_detection.py'
data_root = 'data/split_ss_dota'
prepare = ('python tools/dataset_converters/split_dota.py data/DOTA-v1.0 '
           '--out data/split_ss_dota --splits trainval=train,val val test')
resize = dict(type='mmdet.Resize', scale=(1024, 1024), keep_ratio=True)
train_pipeline = [
    *_base_.load, resize,
    dict(
        type='mmdet.RandomFlip',
        prob=0.75,
        direction=['horizontal', 'vertical', 'diagonal']),
    # Storage tanks and roundabouts look the same at any angle.
    dict(
        type='mmrotate.RandomRotate',
        prob=0.5,
        angle_range=180,
        rotate_type='mmrotate.Rotate',
        rect_obj_labels=[9, 11]),
    _base_.pack
]
val_pipeline = [_base_.load[0], resize, *_base_.load[1:], _base_.pack]
test_pipeline = [_base_.load[0], resize, _base_.pack]
train_dataloader = dict(
    dataset=dict(
        type='DOTADataset',
        data_root=data_root,
        ann_file='trainval/annfiles',
        data_prefix=dict(img_path='trainval/images'),
        pipeline=train_pipeline,
        prepare=prepare))
val_dataloader = dict(
    dataset=dict(
        type='DOTADataset',
        data_root=data_root,
        ann_file='val/annfiles',
        data_prefix=dict(img_path='val/images'),
        pipeline=val_pipeline,
        prepare=prepare))
test_dataloader = dict(
    dataset=dict(
        type='DOTADataset',
        data_root=data_root,
        ann_file='',
        data_prefix=dict(img_path='test/images'),
        pipeline=test_pipeline,
        prepare=prepare))
test_evaluator = dict(
    type='RotatedAPMetric',
    format_only=True,
    merge_patches=True,
    outfile_prefix='work_dirs/dotav1_submission/Task1')
