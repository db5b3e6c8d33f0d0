# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on fMoW-Sentinel (8 GPUs x 32 images of 96 px, run with `--amp`):
# top-1 66.65, top-5 89.32 in the paper, on the official val. The recipe is
# ours.
_base_ = [
    '../../_base_/models/linear_skysense-v2-h.py',
    '../../_base_/datasets/fmow_sentinel.py',
    '../../_base_/schedules/skysense-v2_cls_30e.py',
    '../../_base_/epoch_runtime.py'
]
model = dict(
    # Bands are normalised in the pipeline.
    data_preprocessor=dict(mean=None, std=None, to_rgb=False),
    backbone=dict(modalities=('s2', ), modality='s2'),
    head=dict(num_classes=62))
default_hooks = dict(visualization=dict(rgb_bands=[4, 3, 2]))
