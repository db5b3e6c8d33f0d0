# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA on GVLM after the event, a class that training lacks, one
# example of each class: mIoU 14.20 / 44.97 / 46.08 by example, by name, by
# both in the paper.
_base_ = [
    '../../_base_/models/vita_skysense-v1.py',
    '../../_base_/datasets/incontext_train.py',
    '../../_base_/datasets/incontext_gvlm.py',
    '../../_base_/schedules/skysense-vita_10k.py',
    '../../_base_/skysense-vita_runtime.py'
]
model = dict(
    test_cfg=dict(modes=_base_.modes, crop_size=512, stride=341))
