# Copyright (c) mmeo contributors. All rights reserved.
# Water from 10 bands of Sentinel-2 GeoTIFFs, in Sen1Floods11's layout: 13
# bands, L1C order, reflectance x 10000; labels -1 no data, 0 dry, 1 water.
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth')
crop_size = (128, 128)
load = [
    # B2 B3 B4 B5 B6 B7 B8 B8A B11 B12: without the 60 m bands.
    dict(
        type='LoadRaster',
        bands=[2, 3, 4, 5, 6, 7, 8, 9, 12, 13],
        num_bands=13,
        nodata=0,
        scale=1e-4),
    # Land reflectance, rounded: only the scale matters.
    dict(
        type='NormalizeBands',
        mean=[.12, .12, .12, .13, .17, .20, .19, .21, .16, .10],
        std=[.06, .06, .07, .07, .08, .09, .09, .10, .09, .07],
        clip=(-5, 5)),
    dict(
        type='LoadGeoAnnotations', value_map={-1: 255}, ignore_nodata=True)
]
train_pipeline = [
    *load,
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.95),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical'),
    dict(type='mmseg.PackSegInputs')
]
test_pipeline = [*load, dict(type='mmseg.PackSegInputs')]
tta_model = dict(type='mmseg.SegTTAModel')
tta_pipeline = [
    *load[:2],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.RandomFlip', prob=0.0),
            dict(type='mmseg.RandomFlip', prob=1.0)
        ], [load[2]], [dict(type='mmseg.PackSegInputs')]])
]
dataset = dict(
    type='GeoSegDataset',
    data_prefix=dict(img_path='S2', seg_map_path='Labels'),
    img_suffix='_S2Hand.tif',
    seg_map_suffix='_LabelHand.tif',
    metainfo=dict(
        classes=('dry', 'water'), palette=[[200, 180, 140], [0, 90, 220]]),
    prepare=prepare)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        data_root=f'{data_root}/train/water',
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        data_root=f'{data_root}/val/water',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU', 'mFscore'])
test_evaluator = val_evaluator
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='GeoSegVisualizer', vis_backends=vis_backends)
