# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V1 on DynamicEarthNet, monthly Sentinel-2 ('Dyna.-S2'; 8 GPUs x 2
# crops, run with `--amp`): mIoU 46.2 in the paper. Heads of SkySense++, rates
# of iSAID, 20 000 iterations, crops of 256 px (our choice).
_base_ = [
    '../../_base_/models/upernet_skysense-v1-s2.py',
    '../../_base_/datasets/dynamicearthnet_s2.py',
    '../../_base_/schedules/skysense-v2_seg_20k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    data_preprocessor=dict(size=crop_size),
    decode_head=dict(num_classes=6),
    auxiliary_head=dict(num_classes=6),
    test_cfg=dict(crop_size=crop_size, stride=(192, 192)))
default_hooks = dict(
    checkpoint=dict(interval=2000), visualization=dict(rgb_bands=[3, 2, 1]))
