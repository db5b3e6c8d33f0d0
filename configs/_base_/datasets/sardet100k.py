# Copyright (c) mmeo contributors. All rights reserved.
# SARDet-100K, horizontal boxes in radar images, 6 classes: 94 493 images to
# train, 10 492 to validate, 11 613 to test, resized to 800 px. As the authors
# do, the validation of a training run is the test set.
_base_ = './detection.py'
data_root = 'data/SARDet_100K'
prepare = ('python tools/dataset_converters/check_detection.py sardet100k '
           'data/SARDet_100K')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True)
]
resize = dict(type='mmdet.Resize', scale=(800, 800), keep_ratio=False)
train_pipeline = [
    *load, resize,
    dict(type='mmdet.RandomFlip', prob=0.5), _base_.pack
]
# Annotations are read after resizing, and stay in original pixels.
test_pipeline = [load[0], resize, load[1], _base_.pack]
dataset = dict(type='SARDet100KDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        ann_file='Annotations/train.json',
        data_prefix=dict(img='JPEGImages/train'),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    dataset=dict(
        ann_file='Annotations/test.json',
        data_prefix=dict(img='JPEGImages/test'),
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
            [load[1]], [_base_.pack]
        ])
]
