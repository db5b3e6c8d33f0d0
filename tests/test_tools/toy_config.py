# Copyright (c) mmeo contributors. All rights reserved.
default_scope = 'mmeo'
custom_imports = dict(imports=['toy_task'])
model = dict(type='ToyModel', dropout=0.3)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='ToyDataset'))
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ToyDataset'))
test_dataloader = val_dataloader
val_evaluator = dict(type='ToyMetric')
test_evaluator = val_evaluator
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-2))
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=40, by_epoch=False, end=40)
]
train_cfg = dict(by_epoch=False, max_iters=40, val_interval=20)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(
        type='mmeo.AtomicCheckpointHook',
        interval=10,
        by_epoch=False,
        max_keep_ckpts=2))
randomness = dict(seed=0)
log_processor = dict(by_epoch=False, window_size=1)
custom_hooks = [dict(type='StepSeedHook')]
