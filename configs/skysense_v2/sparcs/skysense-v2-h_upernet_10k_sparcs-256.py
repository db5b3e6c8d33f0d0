# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on SPARCS (Landsat 8; 8 GPUs x 2 crops, run with `--amp`): mIoU
# 74.32 in the paper, on a split that it does not name. Rates of iSAID, 10 000
# iterations (our choice). A tokenizer of 10 bands and prompts of its own; at
# 30 m nothing is merged.
_base_ = [
    '../../_base_/models/upernet_skysense-v2-h.py',
    '../../_base_/datasets/sparcs.py',
    '../../_base_/schedules/skysense-v2_seg_10k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    # Bands are normalised in the pipeline.
    data_preprocessor=dict(
        mean=None, std=None, bgr_to_rgb=False, size=crop_size),
    backbone=dict(
        modalities=dict(
            _delete_=True, landsat=dict(in_channels=10, gsd=30.0)),
        modality='landsat',
        apm_modes=dict(landsat=(0, 0, 0))),
    decode_head=dict(num_classes=7),
    auxiliary_head=dict(num_classes=7),
    test_cfg=dict(crop_size=crop_size, stride=(170, 170)))
default_hooks = dict(
    checkpoint=dict(interval=1000), visualization=dict(rgb_bands=[4, 3, 2]))
