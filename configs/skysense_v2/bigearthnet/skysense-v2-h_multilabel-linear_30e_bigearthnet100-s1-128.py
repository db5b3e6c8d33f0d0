# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on BigEarthNet-MM, Sentinel-1 alone (VV, VH in dB): mAP 86.5 in
# the paper. The recipe is ours, as for Sentinel-2.
_base_ = './skysense-v2-h_multilabel-linear_30e_bigearthnet100-s2-128.py'
model = dict(backbone=dict(modalities=('s1', ), modality='s1'))
load = [
    dict(type='LoadRaster', num_bands=2),
    dict(type='NormalizeBands', preset='s1'), _base_.load[2]
]
train_pipeline = [*load, *_base_.flips, _base_.pack]
test_pipeline = [*load, _base_.pack]
train_dataloader = dict(
    dataset=dict(modalities='s1', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(modalities='s1', pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(modalities='s1', pipeline=test_pipeline))
default_hooks = dict(visualization=dict(rgb_bands=[1, 2, 1]))
