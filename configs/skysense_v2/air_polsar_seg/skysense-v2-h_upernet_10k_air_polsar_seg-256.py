# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on AIR-PolSAR-Seg (Gaofen-3; 8 GPUs x 2 crops, run with `--amp`):
# mIoU 55.32 in the paper. Rates of iSAID, 10 000 iterations (our choice). A
# tokenizer of HH, HV, VH, VV and prompts of its own; at 8 m nothing is merged.
_base_ = [
    '../../_base_/models/upernet_skysense-v2-h.py',
    '../../_base_/datasets/air_polsar_seg.py',
    '../../_base_/schedules/skysense-v2_seg_10k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    # Bands are normalised in the pipeline.
    data_preprocessor=dict(
        mean=None, std=None, bgr_to_rgb=False, size=crop_size),
    backbone=dict(
        modalities=dict(_delete_=True, polsar=dict(in_channels=4, gsd=8.0)),
        modality='polsar',
        apm_modes=dict(polsar=(0, 0, 0))),
    decode_head=dict(num_classes=6),
    auxiliary_head=dict(num_classes=6),
    test_cfg=dict(crop_size=crop_size, stride=(128, 128)))
default_hooks = dict(
    checkpoint=dict(interval=1000), visualization=dict(rgb_bands=[1, 2, 4]))
