# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on Five-Billion-Pixels (Gaofen-2; 8 GPUs x 2 crops, run with
# `--amp`): mIoU 66.82 in the paper. Recipe of iSAID (our choice). The
# tokenizer sees red, green, blue and near infrared; of pretrained weights it
# takes the kernels of RGB, and their mean for the fourth band.
_base_ = [
    '../../_base_/models/upernet_skysense-v2-h.py',
    '../../_base_/datasets/fbp.py',
    '../../_base_/schedules/skysense-v2_seg_80k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    # Bands are normalised in the pipeline.
    data_preprocessor=dict(
        mean=None, std=None, bgr_to_rgb=False, size=crop_size),
    # At 4 m a token of stage 1 is 16 m: merged once, to 32 m, then kept.
    backbone=dict(
        modalities=dict(_delete_=True, hr=dict(in_channels=4, gsd=4.0)),
        apm_modes=dict(hr=(1, 0, 0)),
        band_init=(0, 1, 2, -1)),
    decode_head=dict(num_classes=24),
    auxiliary_head=dict(num_classes=24),
    test_cfg=dict(crop_size=crop_size, stride=(341, 341)))
