# Copyright (c) mmeo contributors. All rights reserved.
# Stage 2 of SkySense-VITA: episodes of the training splits of the paper's five
# in-distribution sets that are known (Sky-VT-300k, its 300 000 samples of 18
# sets, is not public). More sets go into `datasets`; see also
# tools/dataset_converters/sky_vt.py, which indexes all that are installed.
# Crops of 512 px, as many classes, shots and kinds as are our choice.
train_augment = [
    dict(type='EpisodeCrop', crop_size=(512, 512)),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical')
]
train_rgb = [
    dict(type='LoadImage'),
    dict(type='LoadGeoAnnotations'),
    dict(
        type='mmcv.Normalize',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True), *train_augment
]
train_sets = dict(
    potsdam=dict(
        type='PotsdamDataset',
        data_root='potsdam',
        prepare='python tools/dataset_converters/potsdam.py data/Potsdam '
        'data/potsdam',
        splits=('train', ),
        hierarchy='potsdam',
        # No example: it is what is left.
        others=('clutter', ),
        pipeline=train_rgb),
    fbp=dict(
        type='FiveBillionPixelsDataset',
        data_root='fbp',
        prepare='python tools/dataset_converters/fbp.py '
        'data/Five-Billion-Pixels data/fbp',
        splits=('train', ),
        hierarchy='fbp',
        pipeline=[
            dict(
                type='LoadRaster',
                num_bands=4,
                bands=[1, 2, 3],
                dtype='uint8',
                nodata=None),
            dict(type='NormalizeBands', preset='hr'),
            dict(type='LoadGeoAnnotations'), *train_augment
        ]),
    loveda=dict(
        type='LoveDADataset',
        data_root='loveda',
        prepare='python tools/dataset_converters/loveda.py convert '
        'data/LoveDA data/loveda',
        splits=('train', ),
        hierarchy='loveda',
        pipeline=train_rgb),
    isaid=dict(
        type='ISAIDDataset',
        data_root='isaid',
        prepare='python tools/dataset_converters/isaid.py convert '
        'data/iSAID data/isaid',
        splits=('train', ),
        hierarchy='isaid',
        pipeline=train_rgb),
    etci_flood=dict(
        type='ETCIFloodDataset',
        data_root='etci_flood',
        prepare='python tools/dataset_converters/etci_flood.py '
        'data/ETCI2021 data/etci_flood',
        splits=('train', ),
        modality='s1',
        hierarchy='etci_flood',
        pipeline=[
            dict(type='LoadRaster', num_bands=2, nodata=None),
            # See incontext_etci_flood.py.
            dict(type='NormalizeBands', mean=[133.2, 156.1], std=[89.8, 95.3]),
            dict(type='LoadGeoAnnotations'), *train_augment
        ]))
train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', batch_size=8),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='InContextDataset',
        data_root='data',
        num_classes=16,
        shots=(1, 4),
        prompt_kinds=dict(mask=0.6, box=0.2, point=0.2),
        # Sets of 2000 and of 120 000 tiles: between alike images and alike
        # sets.
        balance=0.5,
        datasets=train_sets))
