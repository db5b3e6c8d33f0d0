# Copyright (c) mmeo contributors. All rights reserved.
# What benchmarks of scene classification share. A base of one sets data_root
# and the dataset sections.
load = dict(type='LoadImage')
flips = [
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='vertical')
]
pack = dict(type='mmpretrain.PackInputs')
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader
# Overall accuracy is top-1.
val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
# Used with `--tta` only, which bases of one class per image turn on.
tta = [[
    dict(type='mmpretrain.RandomFlip', prob=0.0),
    dict(type='mmpretrain.RandomFlip', prob=1.0, direction='horizontal'),
    dict(type='mmpretrain.RandomFlip', prob=1.0, direction='vertical')
]]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='SceneVisualizer', vis_backends=vis_backends)
