# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on ISPRS Potsdam (8 GPUs x 2 crops; run with `--amp`): mF1 95.86
# in the paper, which does not say over which classes: here five, without
# clutter. The recipe is that of iSAID (our choice).
_base_ = [
    '../../_base_/models/upernet_skysense-v2-h.py',
    '../../_base_/datasets/potsdam.py',
    '../../_base_/schedules/skysense-v2_seg_80k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    data_preprocessor=dict(size=crop_size),
    decode_head=dict(num_classes=5),
    auxiliary_head=dict(num_classes=5),
    test_cfg=dict(crop_size=crop_size, stride=(341, 341)))
