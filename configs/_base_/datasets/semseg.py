# Copyright (c) mmeo contributors. All rights reserved.
# What benchmarks of semantic segmentation share. A base of one sets data_root,
# the dataset sections and, before the photometric part, its crops.
load = [dict(type='LoadImage'), dict(type='LoadGeoAnnotations')]
augment = [
    dict(type='mmseg.RandomFlip', prob=0.5),
    dict(type='mmseg.PhotoMetricDistortion'),
    dict(type='mmseg.PackSegInputs')
]
train_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader
val_evaluator = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
tta_model = dict(type='mmseg.SegTTAModel')
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='GeoSegVisualizer', vis_backends=vis_backends)
