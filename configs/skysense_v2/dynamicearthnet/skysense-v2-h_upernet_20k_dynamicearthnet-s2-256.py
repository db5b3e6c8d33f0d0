# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on DynamicEarthNet, monthly Sentinel-2 ('Dyna.-S2'; 8 GPUs x 2
# crops, run with `--amp`): mIoU 47.5 in the paper. Rates of iSAID, 20 000
# iterations, crops of 256 px (our choice).
_base_ = [
    '../../_base_/models/upernet_skysense-v2-h.py',
    '../../_base_/datasets/dynamicearthnet_s2.py',
    '../../_base_/schedules/skysense-v2_seg_20k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    # Bands are normalised in the pipeline.
    data_preprocessor=dict(
        mean=None, std=None, bgr_to_rgb=False, size=crop_size),
    backbone=dict(
        # Composites are distributed on the grid of 3 m.
        modalities=dict(_delete_=True, s2=dict(in_channels=10, gsd=3.0)),
        modality='s2',
        apm_modes=dict(s2=(0, 0, 0))),
    decode_head=dict(num_classes=6),
    auxiliary_head=dict(num_classes=6),
    test_cfg=dict(crop_size=crop_size, stride=(192, 192)))
default_hooks = dict(
    checkpoint=dict(interval=2000), visualization=dict(rgb_bands=[3, 2, 1]))
