# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA on C2S-SAR, one example of each class: mIoU 16.82 by both in
# the paper (13.68 without stage 1), in an ablation that does not say whether
# training had this set; here it has not.
_base_ = [
    '../../_base_/models/vita_skysense-v1.py',
    '../../_base_/datasets/incontext_train.py',
    '../../_base_/datasets/incontext_c2s_sar.py',
    '../../_base_/schedules/skysense-vita_10k.py',
    '../../_base_/skysense-vita_runtime.py'
]
model = dict(
    test_cfg=dict(modes=_base_.modes, crop_size=512, stride=341))
