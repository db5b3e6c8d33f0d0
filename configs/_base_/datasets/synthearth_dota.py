# Copyright (c) mmeo contributors. All rights reserved.
# Oriented boxes in DOTA's original text form (classes of DOTA-v1.0).
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth')
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'flip', 'flip_direction')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, box_type='qbox'),
    dict(
        type='mmrotate.ConvertBoxType',
        box_type_mapping=dict(gt_bboxes='rbox'))
]
train_pipeline = [
    *load,
    dict(
        type='mmdet.RandomCrop',
        crop_size=(256, 256),
        allow_negative_crop=True),
    dict(
        type='mmdet.RandomFlip',
        prob=0.75,
        direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='mmdet.PackDetInputs', meta_keys=meta_keys)
]
test_pipeline = [
    *load,
    # The heads ask for a scale; images are tested at their own.
    dict(type='mmdet.Resize', scale_factor=1.0, keep_ratio=True),
    dict(type='mmdet.PackDetInputs', meta_keys=meta_keys)
]
dataset = dict(
    type='DOTADataset',
    ann_file='labelTxt',
    data_prefix=dict(img_path='images'),
    prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        data_root=f'{data_root}/train/dota',
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        data_root=f'{data_root}/val/dota',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='RotatedAPMetric', iou_thrs=[0.5])
test_evaluator = val_evaluator
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='mmrotate.RotLocalVisualizer', vis_backends=vis_backends)
