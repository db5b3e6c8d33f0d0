# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA on LoveDA, in-distribution, with one SkySense V2 (huge) for
# both sensors (ours); otherwise as vita-skysense-v1_incontext_loveda.py.
_base_ = [
    '../../_base_/models/vita_skysense-v2-h.py',
    '../../_base_/datasets/incontext_train.py',
    '../../_base_/datasets/incontext_loveda.py',
    '../../_base_/schedules/skysense-vita_10k.py',
    '../../_base_/skysense-vita_runtime.py'
]
model = dict(
    test_cfg=dict(modes=_base_.modes, crop_size=512, stride=341))
