# Copyright (c) mmeo contributors. All rights reserved.
# PASTIS-R / PASTIS-HD: patches of 1.28 km, a year of Sentinel-2 and of
# ascending Sentinel-1, and one SPOT image where there is one. First of the
# official folds: 1, 2, 3 train, 4 val, 5 test. Overall accuracy (aAcc) and
# mIoU of 19 classes; void (19) is ignored. 20 and 10 frames, drawn at random
# in training, are SkySense's.
_base_ = './semseg.py'
data_root = 'data/pastis'
load = [
    dict(
        type='LoadSeriesFiles',
        sources=dict(
            hr=dict(gsd=1.0),
            s2=dict(gsd=10.0, nodata=-10000, any_band=True),
            s1=dict(gsd=10.0, bands=(1, 2)))),
    # 1.25 m, so that the last maps of SPOT and Sentinel share one grid.
    dict(type='MultiModalResize', size=dict(hr=1024))
]
label = dict(type='LoadSeriesAnnotations', value_map={19: 255})
norm = dict(type='NormalizeBands')
pack = dict(type='PackMultiModalInputs')
train_pipeline = [
    *load, label,
    dict(type='SampleFrames', s2=20, s1=10), norm,
    dict(type='MultiModalRandomFlip', turn=0.5), pack
]
test_pipeline = [
    *load, label,
    dict(type='SampleFrames', s2=20, s1=10, mode='even'), norm, pack
]
collate_fn = dict(type='list_collate')
dataset = dict(type='PASTISDataset', data_root=data_root)
train_dataloader = dict(
    batch_size=1,
    collate_fn=collate_fn,
    dataset=dict(folds=(1, 2, 3), pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    collate_fn=collate_fn,
    dataset=dict(
        folds=(4, ), test_mode=True, pipeline=test_pipeline, **dataset))
test_dataloader = dict(
    collate_fn=collate_fn,
    dataset=dict(
        folds=(5, ), test_mode=True, pipeline=test_pipeline, **dataset))
