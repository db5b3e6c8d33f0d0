# Copyright (c) mmeo contributors. All rights reserved.
# DIOR-R, oriented boxes, 20 classes: 11 725 images to train (train + val) and
# 11 738 to test, all of 800 px, resized to the paper's 1024.
data_root = 'data/DIOR'
prepare = 'python tools/dataset_converters/dior.py data/DIOR'
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'flip', 'flip_direction')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, box_type='qbox'),
    dict(
        type='mmrotate.ConvertBoxType',
        box_type_mapping=dict(gt_bboxes='rbox'))
]
resize = dict(type='mmdet.Resize', scale=(1024, 1024), keep_ratio=False)
pack = dict(type='mmdet.PackDetInputs', meta_keys=meta_keys)
train_pipeline = [
    *load, resize,
    dict(
        type='mmdet.RandomFlip',
        prob=0.75,
        direction=['horizontal', 'vertical', 'diagonal']),
    # Chimneys, storage tanks and windmills have no direction of their own.
    dict(
        type='mmrotate.RandomRotate',
        prob=0.5,
        angle_range=180,
        rotate_type='mmrotate.Rotate',
        rect_obj_labels=[5, 15, 19]),
    pack
]
# Annotations are read after resizing, and stay in original pixels.
val_pipeline = [load[0], resize, *load[1:], pack]
dataset = dict(
    type='DIORRDataset',
    data_root=data_root,
    ann_subdir='Annotations/Oriented Bounding Boxes',
    prepare=prepare)
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        ann_file='ImageSets/Main/trainval.txt',
        data_prefix=dict(img_path='JPEGImages-trainval'),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        ann_file='ImageSets/Main/test.txt',
        data_prefix=dict(img_path='JPEGImages-test'),
        test_mode=True,
        pipeline=val_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='RotatedAPMetric', iou_thrs=[0.5])
test_evaluator = val_evaluator
# Used with `--tta` only.
tta_model = dict(type='RotatedTTAModel', iou_threshold=0.1, max_per_img=2000)
tta_pipeline = [
    load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [dict(resize, scale=(s, s)) for s in (800, 1024, 1248)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [load[1]], [load[2]], [pack]
        ])
]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='mmrotate.RotLocalVisualizer', vis_backends=vis_backends)
