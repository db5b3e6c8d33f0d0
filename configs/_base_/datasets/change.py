# Copyright (c) mmeo contributors. All rights reserved.
# What benchmarks of change detection share. F1 of the changed class over the
# whole set is the number that papers report.
load = [
    dict(type='LoadChangePair'),
    dict(type='LoadGeoAnnotations', threshold=128)
]
flips = [
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical')
]
exchange = dict(type='ExchangeTime', prob=0.5)
# Each date has a light of its own.
photometric = dict(
    type='ForEachDate',
    transforms=[
        dict(
            type='mmseg.PhotoMetricDistortion',
            brightness_delta=10,
            contrast_range=(0.8, 1.2),
            saturation_range=(0.8, 1.2),
            hue_delta=10)
    ])
pack = dict(type='PackChangeInputs')
test_pipeline = [*load, pack]
tta_model = dict(type='mmseg.SegTTAModel')
tta_pipeline = [
    load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.Resize', scale_factor=ratio, keep_ratio=True)
            for ratio in (0.75, 1.0, 1.25)
        ], [
            dict(type='mmseg.RandomFlip', prob=0.0),
            dict(type='mmseg.RandomFlip', prob=1.0)
        ], [load[1]], [pack]])
]
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='ChangePairDataset'))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ChangePairDataset', test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='ChangeMetric')
test_evaluator = val_evaluator
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ChangeVisualizer', vis_backends=vis_backends)
