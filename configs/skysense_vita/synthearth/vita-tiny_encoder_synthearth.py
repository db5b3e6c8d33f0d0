# Copyright (c) mmeo contributors. All rights reserved.
# The encoder for vita-tiny_incontext_synthearth.py, which has no pretraining:
# land cover of every pixel, optical and radar, without the classes held out.
# Ours, for a CPU; the paper's encoders come from SkySense's pretraining.
_base_ = './vita-tiny_incontext_synthearth.py'

num_classes = 38
model = dict(
    _delete_=True,
    type='DenseWarmUp',
    backbone=dict(_base_.model.backbone, frozen_stages=-1),
    neck=_base_.model.neck,
    num_classes=num_classes,
    embed_dims=_base_.embed_dims)
train_dataloader = dict(
    batch_size=8,
    sampler=dict(batch_size=8),
    dataset=dict(
        num_classes=num_classes,
        shots=1,
        prompt_kinds=dict(_delete_=True, mask=1.),
        subset_prob=0.,
        synonym_prob=0.))
test_dataloader = None
test_evaluator = None
test_cfg = None
load_from = None
load_exclude = []

max_iters = 2000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, by_epoch=False, begin=0, end=30),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.02,
        by_epoch=False,
        begin=30,
        end=max_iters),
]
custom_hooks = [dict(type='ProgressHook'), dict(type='StepSeedHook')]
