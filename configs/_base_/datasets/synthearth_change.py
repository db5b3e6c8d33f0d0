# Copyright (c) mmeo contributors. All rights reserved.
# Change pairs in LEVIR-CD's layout.
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth')
crop_size = (256, 256)
load = [
    dict(type='LoadChangePair'),
    dict(type='LoadGeoAnnotations', threshold=128)
]
train_pipeline = [
    *load,
    # prefers crops with at least 3 % changed pixels
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.97),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical'),
    dict(type='ExchangeTime', prob=0.5),
    dict(
        type='ForEachDate',
        transforms=[
            dict(
                type='mmseg.PhotoMetricDistortion',
                brightness_delta=10,
                contrast_range=(0.8, 1.2),
                saturation_range=(0.8, 1.2),
                hue_delta=10)
        ]),
    dict(type='PackChangeInputs')
]
test_pipeline = [*load, dict(type='PackChangeInputs')]
tta_model = dict(type='mmseg.SegTTAModel')
tta_pipeline = [
    load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.RandomFlip', prob=0.0),
            dict(type='mmseg.RandomFlip', prob=1.0)
        ], [load[1]], [dict(type='PackChangeInputs')]])
]
dataset = dict(
    type='ChangePairDataset',
    data_prefix=dict(img_path='A', img_path2='B', seg_map_path='label'),
    prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        data_root=f'{data_root}/train/change',
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        data_root=f'{data_root}/val/change',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='ChangeMetric')
test_evaluator = val_evaluator
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ChangeVisualizer', vis_backends=vis_backends)
