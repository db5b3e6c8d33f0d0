# Copyright (c) mmeo contributors. All rights reserved.
# DOTA-v1.0 in 1024 px patches with an overlap of 200. The test set has no
# labels: its predictions are merged into the submission for the evaluation
# server.
data_root = 'data/split_ss_dota'
prepare = ('python tools/dataset_converters/split_dota.py data/DOTA-v1.0 '
           '--out data/split_ss_dota --splits trainval=train,val val test')
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'flip', 'flip_direction')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, box_type='qbox'),
    dict(
        type='mmrotate.ConvertBoxType',
        box_type_mapping=dict(gt_bboxes='rbox'))
]
resize = dict(type='mmdet.Resize', scale=(1024, 1024), keep_ratio=True)
pack = dict(type='mmdet.PackDetInputs', meta_keys=meta_keys)
train_pipeline = [
    *load, resize,
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
    pack
]
val_pipeline = [load[0], resize, *load[1:], pack]
test_pipeline = [load[0], resize, pack]
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='DOTADataset',
        data_root=data_root,
        ann_file='trainval/annfiles',
        data_prefix=dict(img_path='trainval/images'),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        prepare=prepare))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='DOTADataset',
        data_root=data_root,
        ann_file='val/annfiles',
        data_prefix=dict(img_path='val/images'),
        test_mode=True,
        pipeline=val_pipeline,
        prepare=prepare))
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='DOTADataset',
        data_root=data_root,
        ann_file='',
        data_prefix=dict(img_path='test/images'),
        test_mode=True,
        pipeline=test_pipeline,
        prepare=prepare))
val_evaluator = dict(type='RotatedAPMetric', iou_thrs=[0.5])
test_evaluator = dict(
    type='RotatedAPMetric',
    format_only=True,
    merge_patches=True,
    outfile_prefix='work_dirs/dotav1_submission/Task1')
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='mmrotate.RotLocalVisualizer', vis_backends=vis_backends)
