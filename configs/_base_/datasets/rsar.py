# Copyright (c) mmeo contributors. All rights reserved.
# RSAR, oriented boxes in radar images, 6 classes: 78 837 images to train,
# 8 467 to validate, 8 538 to test, resized to 800 px. As the authors do, the
# validation of a training run is the test set.
data_root = 'data/RSAR'
prepare = 'python tools/dataset_converters/check_detection.py rsar data/RSAR'
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'flip', 'flip_direction')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, box_type='qbox'),
    dict(
        type='mmrotate.ConvertBoxType',
        box_type_mapping=dict(gt_bboxes='rbox'))
]
resize = dict(type='mmdet.Resize', scale=(800, 800), keep_ratio=False)
pack = dict(type='mmdet.PackDetInputs', meta_keys=meta_keys)
train_pipeline = [
    *load, resize,
    dict(
        type='mmdet.RandomFlip',
        prob=0.75,
        direction=['horizontal', 'vertical', 'diagonal']),
    # Tanks have no direction of their own.
    dict(
        type='mmrotate.RandomRotate',
        prob=0.5,
        angle_range=180,
        rotate_type='mmrotate.Rotate',
        rect_obj_labels=[3]),
    pack
]
# Annotations are read after resizing, and stay in original pixels.
val_pipeline = [load[0], resize, *load[1:], pack]
dataset = dict(type='RSARDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        ann_file='train/annfiles',
        data_prefix=dict(img_path='train/images'),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        ann_file='test/annfiles',
        data_prefix=dict(img_path='test/images'),
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
            [dict(resize, scale=(s, s)) for s in (608, 800, 992)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [load[1]], [load[2]], [pack]
        ])
]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='mmrotate.RotLocalVisualizer', vis_backends=vis_backends)
