# Copyright (c) mmeo contributors. All rights reserved.
# DIOR, horizontal boxes, 20 classes: 11 725 images to train (train + val) and
# 11 738 to test, all of 800 px, resized to the paper's 1024.
_base_ = './detection.py'
data_root = 'data/DIOR'
prepare = 'python tools/dataset_converters/dior.py data/DIOR'
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True)
]
resize = dict(type='mmdet.Resize', scale=(1024, 1024), keep_ratio=False)
train_pipeline = [
    *load, resize,
    dict(type='mmdet.RandomFlip', prob=0.5), _base_.pack
]
# Annotations are read after resizing, and stay in original pixels.
test_pipeline = [load[0], resize, load[1], _base_.pack]
dataset = dict(type='DIORDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/trainval.json',
        data_prefix=dict(img='JPEGImages-trainval'),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/test.json',
        data_prefix=dict(img='JPEGImages-test'),
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    ann_file=f'{data_root}/annotations/test.json',
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
            [dict(resize, scale=(s, s)) for s in (800, 1024, 1248)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [load[1]], [_base_.pack]
        ])
]
