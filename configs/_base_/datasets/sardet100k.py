# Copyright (c) mmeo contributors. All rights reserved.
# SARDet-100K, horizontal boxes in radar images, 6 classes: 94 493 images to
# train, 10 492 to validate, 11 613 to test, resized to 800 px. As the authors
# do, the validation of a training run is the test set.
data_root = 'data/SARDet_100K'
prepare = ('python tools/dataset_converters/check_detection.py sardet100k '
           'data/SARDet_100K')
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'flip', 'flip_direction')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True)
]
resize = dict(type='mmdet.Resize', scale=(800, 800), keep_ratio=False)
pack = dict(type='mmdet.PackDetInputs', meta_keys=meta_keys)
train_pipeline = [
    *load, resize,
    dict(type='mmdet.RandomFlip', prob=0.5), pack
]
# Annotations are read after resizing, and stay in original pixels.
test_pipeline = [load[0], resize, load[1], pack]
dataset = dict(type='SARDet100KDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        ann_file='Annotations/train.json',
        data_prefix=dict(img='JPEGImages/train'),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        ann_file='Annotations/test.json',
        data_prefix=dict(img='JPEGImages/test'),
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    ann_file=f'{data_root}/Annotations/test.json',
    metric='bbox')
test_evaluator = val_evaluator
# Used with `--tta` only.
tta_model = dict(
    type='mmdet.DetTTAModel',
    tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.5), max_per_img=100))
tta_pipeline = [
    load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [dict(resize, scale=(s, s)) for s in (608, 800, 992)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [load[1]], [pack]
        ])
]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='mmdet.DetLocalVisualizer', vis_backends=vis_backends)
