# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on BigEarthNet-MM, Sentinel-2 and Sentinel-1 fused (8 GPUs x 32
# places, run with `--amp`): mAP 93.8 in the paper. The recipe is ours, as for
# Sentinel-2 alone.
_base_ = [
    '../../_base_/models/linear_skysense-v2-h-mm.py',
    '../../_base_/datasets/bigearthnet.py',
    '../../_base_/schedules/skysense-v2_cls_30e.py',
    '../../_base_/epoch_runtime.py'
]
# Named, so that all processes use all parameters in each step.
model = dict(data_preprocessor=dict(modalities=dict(s2=10, s1=2)))
size = _base_.size
load = [
    dict(
        type='LoadSeriesFiles',
        sources=dict(s2=dict(gsd=10.0), s1=dict(gsd=10.0))),
    dict(type='MultiModalResize', size=dict(s2=size, s1=size)),
    dict(type='NormalizeBands')
]
pack = dict(type='PackMultiModalInputs', task='cls')
train_pipeline = [
    *load,
    dict(type='MultiModalRandomFlip', horizontal=0.5, vertical=0.5), pack
]
test_pipeline = [*load, pack]
sensors = dict(modalities=('s2', 's1'))
collate_fn = dict(type='list_collate')
train_dataloader = dict(
    collate_fn=collate_fn, dataset=dict(pipeline=train_pipeline, **sensors))
val_dataloader = dict(
    collate_fn=collate_fn, dataset=dict(pipeline=test_pipeline, **sensors))
test_dataloader = dict(
    collate_fn=collate_fn, dataset=dict(pipeline=test_pipeline, **sensors))
default_hooks = dict(visualization=dict(rgb_bands=[3, 2, 1]))
