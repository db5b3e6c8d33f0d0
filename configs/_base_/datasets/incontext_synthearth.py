# Copyright (c) mmeo contributors. All rights reserved.
# Episodes of SynthEarth's 44 leaf classes at 1.2 m: optical and radar images
# of the same places, which serve as examples for each other as well.
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth --in-context')
crop_size = (96, 96)
# Held out of training; none by default.
held_out = ()
# Crops come before flips, so that two windows of an image can be compared.
augment = [
    dict(type='EpisodeCrop', crop_size=crop_size),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical'),
]
load = dict(
    hr=[
        dict(type='LoadRaster', num_bands=3, dtype='uint8', nodata=None),
        dict(type='NormalizeBands', preset='hr'),
        dict(type='LoadGeoAnnotations'),
    ],
    s1=[
        dict(type='LoadRaster', num_bands=2),
        dict(type='NormalizeBands', preset='s1'),
        dict(type='LoadGeoAnnotations', ignore_nodata=True),
    ])
source = dict(
    type='SynthEarthLeavesDataset',
    data_root='train/incontext',
    prepare=prepare,
    hierarchy='synthearth')
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', batch_size=8),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='InContextDataset',
        data_root=data_root,
        held_out=held_out,
        num_classes=16,
        shots=1,
        prompt_kinds=dict(mask=0.6, box=0.2, point=0.2),
        # Images are hardly larger than crops.
        max_overlap=0.6,
        datasets=dict(
            optical=dict(
                source,
                modality='hr',
                paired='sar',
                pipeline=[*load['hr'], *augment]),
            sar=dict(
                source,
                modality='s1',
                paired='optical',
                data_prefix=dict(img_path='sar', seg_map_path='labels'),
                pipeline=[*load['s1'], *augment]))))
