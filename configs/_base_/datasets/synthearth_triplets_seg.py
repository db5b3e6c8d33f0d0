# Copyright (c) mmeo contributors. All rights reserved.
# SynthEarth's triplets with their labels, the 6 groups of the class tree, on
# the grid of the HR image.
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth')
load = dict(type='LoadTriplet')
norm = dict(type='NormalizeBands')
pack = dict(type='PackMultiModalInputs')
train_pipeline = [
    load,
    dict(
        type='MultiModalRandomCrop',
        size=dict(hr=256, s2=8, s1=8),
        cat_max_ratio=0.9),
    dict(type='MultiModalRandomFlip', turn=0.5), norm, pack
]
test_pipeline = [load, norm, pack]
modalities = ('hr', 's2', 's1')
dataset = dict(
    type='MultiModalSeriesDataset',
    data_root=data_root,
    legend='semantics.json',
    legend_level=0,
    modalities=modalities,
    prepare=prepare)
collate_fn = dict(type='list_collate')
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    collate_fn=collate_fn,
    dataset=dict(
        data_prefix=dict(series='train/series'),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=collate_fn,
    dataset=dict(
        data_prefix=dict(series='val/series'),
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='GeoSegVisualizer', vis_backends=vis_backends)
