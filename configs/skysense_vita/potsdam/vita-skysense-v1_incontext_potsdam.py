# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA on ISPRS Potsdam, in-distribution, one example of each class:
# mIoU 71.34 / 81.53 / 81.94 by example, by name, by both in the paper.
_base_ = [
    '../../_base_/models/vita_skysense-v1.py',
    '../../_base_/datasets/incontext_train.py',
    '../../_base_/datasets/incontext_potsdam.py',
    '../../_base_/schedules/skysense-vita_10k.py',
    '../../_base_/skysense-vita_runtime.py'
]
model = dict(
    test_cfg=dict(modes=_base_.modes, crop_size=512, stride=341))
