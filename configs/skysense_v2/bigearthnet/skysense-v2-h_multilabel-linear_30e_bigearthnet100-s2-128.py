# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on BigEarthNet-S2, all of train (8 GPUs x 32 patches of 128 px,
# run with `--amp`): mAP 93.78 in the paper, on 19 classes; it does not say
# whether micro or macro. The recipe is ours.
_base_ = [
    '../../_base_/models/multilabel-linear_skysense-v2-h.py',
    '../../_base_/datasets/bigearthnet.py',
    '../../_base_/schedules/skysense-v2_cls_30e.py',
    '../../_base_/epoch_runtime.py'
]
default_hooks = dict(visualization=dict(rgb_bands=[3, 2, 1]))
