# Copyright (c) mmeo contributors. All rights reserved.
# COCO 2017, boxes and masks, 80 classes: 118 287 images to train, 5 000 to
# validate, the shorter side 800 px and the longer at most 1333.
_base_ = './detection.py'
data_root = 'data/coco'
prepare = ('download train2017, val2017 and annotations_trainval2017 from '
           'https://cocodataset.org')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True)
]
resize = dict(type='mmdet.Resize', scale=(1333, 800), keep_ratio=True)
train_pipeline = [
    *load, resize,
    dict(type='mmdet.RandomFlip', prob=0.5), _base_.pack
]
# Annotations are read after resizing, and stay in original pixels.
test_pipeline = [load[0], resize, load[1], _base_.pack]
dataset = dict(type='CocoDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    batch_sampler=dict(type='mmdet.AspectRatioBatchSampler'),
    dataset=dict(
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017'),
        filter_cfg=dict(min_size=32),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/instances_val2017.json',
        data_prefix=dict(img='val2017'),
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    ann_file=f'{data_root}/annotations/instances_val2017.json',
    metric=['bbox', 'segm'])
test_evaluator = val_evaluator
# Used with `--tta` only.
tta_model = dict(type='MaskTTAModel', iou_threshold=0.5, max_per_img=100)
tta_pipeline = [
    load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [dict(resize, scale=(1333, s)) for s in (640, 800, 960)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [load[1]], [_base_.pack]
        ])
]
