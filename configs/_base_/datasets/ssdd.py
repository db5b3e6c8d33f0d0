# Copyright (c) mmeo contributors. All rights reserved.
# SSDD, boxes and polygons of ships in radar images: 928 images to train and
# 232 to test, resized to 608 px.
_base_ = './detection.py'
data_root = 'data/SSDD'
prepare = ('python tools/dataset_converters/ssdd.py data/Official-SSDD-OPEN '
           '--out data/SSDD')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True)
]
resize = dict(type='mmdet.Resize', scale=(608, 608), keep_ratio=False)
train_pipeline = [
    *load, resize,
    dict(type='mmdet.RandomFlip', prob=0.5), _base_.pack
]
# Annotations are read after resizing, and stay in original pixels.
test_pipeline = [load[0], resize, load[1], _base_.pack]
dataset = dict(type='SSDDDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/train'),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/test.json',
        data_prefix=dict(img='images/test'),
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    ann_file=f'{data_root}/annotations/test.json',
    metric=['bbox', 'segm'])
test_evaluator = val_evaluator
# Used with `--tta` only.
tta_model = dict(type='MaskTTAModel', iou_threshold=0.5, max_per_img=100)
tta_pipeline = [
    load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [dict(resize, scale=(s, s)) for s in (512, 608, 704)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [load[1]], [_base_.pack]
        ])
]
