# Copyright (c) mmeo contributors. All rights reserved.
# DOTA-v2.0, oriented boxes, 18 classes, in 1024 px patches with an overlap of
# 200 at one scale; training on train + val, as the authors do.
data_root = 'data/split_ss_dotav2'
prepare = ('python tools/dataset_converters/split_dota.py data/DOTA-v2.0 '
           '--out data/split_ss_dotav2 --splits trainval=train,val val '
           'test-dev')
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
    # Storage tanks, roundabouts and airports are turned by right angles only.
    dict(
        type='mmrotate.RandomRotate',
        prob=0.5,
        angle_range=180,
        rotate_type='mmrotate.Rotate',
        rect_obj_labels=[9, 11, 16]),
    pack
]
# Annotations are read after resizing, and stay in original pixels.
val_pipeline = [load[0], resize, *load[1:], pack]
test_pipeline = [load[0], resize, pack]
dataset = dict(type='DOTAv2Dataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        ann_file='trainval/annfiles',
        data_prefix=dict(img_path='trainval/images'),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        ann_file='val/annfiles',
        data_prefix=dict(img_path='val/images'),
        test_mode=True,
        pipeline=val_pipeline,
        **dataset))
# The test set has no labels: its predictions go to the evaluation server.
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        ann_file='',
        data_prefix=dict(img_path='test-dev/images'),
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
val_evaluator = dict(type='RotatedAPMetric', iou_thrs=[0.5])
test_evaluator = dict(
    type='RotatedAPMetric',
    format_only=True,
    merge_patches=True,
    outfile_prefix='work_dirs/dotav2_submission/Task1')
# Used with `--tta` only.
tta_model = dict(type='RotatedTTAModel', iou_threshold=0.1, max_per_img=2000)
tta_pipeline = [
    load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [dict(resize, scale=(s, s)) for s in (768, 1024, 1280)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [pack]
        ])
]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='mmrotate.RotLocalVisualizer', vis_backends=vis_backends)
