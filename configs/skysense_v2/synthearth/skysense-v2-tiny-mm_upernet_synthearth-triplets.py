# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 (tiny, from random weights) on SynthEarth's triplets: 6 groups of
# land cover out of HR, Sentinel-2 and Sentinel-1 series, in minutes on a CPU.
_base_ = [
    '../../_base_/models/upernet_skysense-v2-h-mm.py',
    '../../_base_/datasets/synthearth_triplets_seg.py',
    '../../_base_/schedules/quickstart.py', '../../_base_/default_runtime.py'
]
embed_dims = 96
fusion_dims = 128
norm_cfg = dict(_delete_=True, type='GN', num_groups=8)
model = dict(
    data_preprocessor=dict(modalities=dict(hr=3, s2=10, s1=2)),
    backbone=dict(
        backbone=dict(arch='tiny', drop_path_rate=0.0, with_cp=False),
        fusion=dict(
            in_channels=embed_dims * 8,
            embed_dims=fusion_dims,
            num_layers=2,
            num_heads=4,
            drop_path_rate=0.0,
            with_cp=False)),
    decode_head=dict(
        in_channels=[
            embed_dims, embed_dims * 2, embed_dims * 4,
            embed_dims * 8 + fusion_dims
        ],
        channels=64,
        num_classes=6,
        norm_cfg=norm_cfg))
max_iters = 200
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
# Nothing is pretrained, so that no layer needs a lower rate.
optim_wrapper = dict(
    optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=1.0))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_iters)
]
