# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA on LoveDA, in-distribution, one example of each class: mIoU
# 56.11 / 60.54 / 62.08 by example, by name, by both in the paper.
_base_ = [
    '../../_base_/models/vita_skysense-v1.py',
    '../../_base_/datasets/incontext_train.py',
    '../../_base_/datasets/incontext_loveda.py',
    '../../_base_/schedules/skysense-vita_10k.py',
    '../../_base_/skysense-vita_runtime.py'
]
model = dict(
    test_cfg=dict(modes=_base_.modes, crop_size=512, stride=341))
