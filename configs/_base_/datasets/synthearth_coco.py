# Copyright (c) mmeo contributors. All rights reserved.
# Horizontal boxes and outlines in COCO's form.
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth')
classes = ('plane', 'baseball-diamond', 'bridge', 'ground-track-field',
           'small-vehicle', 'large-vehicle', 'ship', 'tennis-court',
           'basketball-court', 'storage-tank', 'soccer-ball-field',
           'roundabout', 'harbor', 'swimming-pool', 'helicopter', 'building')
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
             'flip', 'flip_direction')
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True)
]
pack = dict(type='mmdet.PackDetInputs', meta_keys=meta_keys)
train_pipeline = [
    *load,
    dict(
        type='mmdet.RandomCrop',
        crop_size=(256, 256),
        allow_negative_crop=True),
    dict(type='mmdet.RandomFlip', prob=0.5), pack
]
test_pipeline = [
    load[0],
    # The heads ask for a scale; images are tested at their own.
    dict(type='mmdet.Resize', scale_factor=1.0, keep_ratio=True),
    load[1],
    pack
]
dataset = dict(
    type='CocoDataset',
    ann_file='coco/annotations.json',
    data_prefix=dict(img='dota/images'),
    metainfo=dict(classes=classes),
    prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        data_root=f'{data_root}/train',
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        data_root=f'{data_root}/val',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    ann_file=f'{data_root}/val/coco/annotations.json',
    metric=['bbox', 'segm'])
test_evaluator = val_evaluator
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='mmdet.DetLocalVisualizer', vis_backends=vis_backends)
