# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA in small: episodes of SynthEarth's leaves, optical and radar,
# six of them held out, for a CPU. Ours; the paper trains on Sky-VT-300k. See
# projects/vita_in_context.
_base_ = [
    '../../_base_/models/vita_tiny.py',
    '../../_base_/datasets/incontext_synthearth.py',
    '../../_base_/default_runtime.py',
]

# Each has siblings that are trained.
held_out = ('conifer forest', 'industrial building', 'dirt road', 'gravel',
            'lake', 'maize')
seen = ('house', 'apartment block', 'commercial building', 'hangar',
        'farm building', 'storage tank', 'tennis court', 'hard court',
        'sports field', 'swimming pool', 'playground', 'asphalt road',
        'pavement', 'car park', 'apron', 'runway', 'bridge', 'quay', 'pier',
        'small vehicle', 'large vehicle', 'aircraft', 'ship', 'river',
        'harbour water', 'broadleaf forest', 'single tree', 'lawn', 'meadow',
        'shrub', 'wheat', 'rapeseed', 'sugar beet', 'fallow', 'orchard',
        'vineyard', 'sand', 'construction site')
modes = ('visual', 'textual', 'fused')
# A class is said with what it is: 'maize, arable, agriculture'. CLIP knows
# that of 'maize'; the tiny model's text encoder knows no language.
hierarchy = '{{ fileDirname }}/described_classes.json'

# Fewer layers and points learn more in the same time: what counts here is the
# number of steps.
model = dict(
    backbone=dict(
        arch=dict(depths=(1, 1, 2, 1)), drop_path_rate=0., frozen_stages=4),
    decoder=dict(num_layers=2),
    loss=dict(
        type='VITALoss',
        weights=(2., 5., 20.),
        num_points=256,
        oversample_ratio=1.,
        importance_ratio=0.),
    test_cfg=dict(modes=modes))

load_once = {
    sensor: dict(type='KeepInMemory', transforms=transforms)
    for sensor, transforms in _base_.load.items()
}
augment = [
    dict(type='EpisodeCrop', crop_size=(64, 64)),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical'),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(batch_size=16),
    dataset=dict(
        held_out=held_out,
        # As in the test, where all classes are asked for and have examples.
        num_classes=38,
        shots=4,
        min_pixels=8,
        datasets=dict(
            optical=dict(
                hierarchy=hierarchy, pipeline=[load_once['hr'], *augment]),
            sar=dict(
                hierarchy=hierarchy, pipeline=[load_once['s1'], *augment]))))

# One example of each class, from the training split of the same SynthEarth.
target = dict(
    type='InContextTestDataset',
    shots=1,
    min_pixels=256,
    seed=0,
    hierarchy=hierarchy)
source = dict(type='SynthEarthLeavesDataset', prepare=_base_.prepare)
optical = dict(source, pipeline=_base_.load['hr'])
sar = dict(
    source,
    data_prefix=dict(img_path='sar', seg_map_path='labels'),
    pipeline=_base_.load['s1'])
val, train = (f'{_base_.data_root}/{split}/incontext'
              for split in ('val', 'train'))
loader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='list_collate'))
tests = dict(
    optical=dict(
        loader,
        dataset=dict(
            target,
            modality='hr',
            dataset=dict(optical, data_root=val),
            exemplars=dict(optical, data_root=train))),
    sar=dict(
        loader,
        dataset=dict(
            target,
            modality='s1',
            dataset=dict(sar, data_root=val),
            exemplars=dict(sar, data_root=train))))
test_dataloader = tests['optical']
test_evaluator = dict(
    type='InContextMetric',
    modes=modes,
    groups=dict(seen=seen, held_out=held_out))
test_cfg = dict(type='TestLoop')

# Made by `projects/vita_in_context/run.py encoder`; its backbone stays frozen.
load_from = 'work_dirs/vita_in_context/encoder/iter_2000.pth'
load_exclude = ['^heads']

max_iters = 700
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05),
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(layer_decay_rate=1.0),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.03, by_epoch=False, begin=0, end=30),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.02,
        by_epoch=False,
        begin=30,
        end=max_iters),
]
custom_hooks = [
    *_base_.custom_hooks,
    # The paper's annealing; the leaves come sooner, as steps are few.
    dict(type='SGAHook', levels=3, period=0.4),
]
default_hooks = dict(
    logger=dict(interval=50), checkpoint=dict(interval=200, max_keep_ckpts=1))
log_processor = dict(window_size=50)
