# Copyright (c) mmeo contributors. All rights reserved.
# SSDD, boxes and polygons of ships in radar images: 928 images to train and
# 232 to test, resized to 608 px.
data_root = 'data/SSDD'
prepare = ('python tools/dataset_converters/ssdd.py data/Official-SSDD-OPEN '
           '--out data/SSDD')
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'flip', 'flip_direction')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True)
]
resize = dict(type='mmdet.Resize', scale=(608, 608), keep_ratio=False)
pack = dict(type='mmdet.PackDetInputs', meta_keys=meta_keys)
train_pipeline = [
    *load, resize,
    dict(type='mmdet.RandomFlip', prob=0.5), pack
]
# Annotations are read after resizing, and stay in original pixels.
test_pipeline = [load[0], resize, load[1], pack]
dataset = dict(type='SSDDDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/train'),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        ann_file='annotations/test.json',
        data_prefix=dict(img='images/test'),
        test_mode=True,
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
            [load[1]], [pack]
        ])
]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='mmdet.DetLocalVisualizer', vis_backends=vis_backends)
