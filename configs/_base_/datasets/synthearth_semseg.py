# Copyright (c) mmeo contributors. All rights reserved.
# Semantic segmentation in LoveDA's legend and layout.
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth')
crop_size = (256, 256)
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='LoadGeoAnnotations'),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.9),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical'),
    dict(type='mmseg.PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='LoadGeoAnnotations'),
    dict(type='mmseg.PackSegInputs')
]
tta_model = dict(type='mmseg.SegTTAModel')
tta_pipeline = [
    dict(type='LoadImage'),
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.RandomFlip', prob=0.0),
            dict(type='mmseg.RandomFlip', prob=1.0)
        ], [dict(type='LoadGeoAnnotations')],
                    [dict(type='mmseg.PackSegInputs')]])
]
dataset = dict(
    type='LoveDADataset',
    data_prefix=dict(img_path='img_dir', seg_map_path='ann_dir'),
    prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        data_root=f'{data_root}/train/semseg',
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        data_root=f'{data_root}/val/semseg',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='GeoSegVisualizer', vis_backends=vis_backends)
