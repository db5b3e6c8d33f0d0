# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on OSCD (Sentinel-2; 8 GPUs x 4 crops, run with `--amp`): F1
# 65.29 in the paper, changed class, 10 test cities. The recipe is not known:
# 10 000 iterations at 6e-5, absolute differences, weight 5 for the 2 or 3 % of
# pixels that change (our choice).
_base_ = [
    '../../_base_/models/siamese-upernet_skysense-v2-h.py',
    '../../_base_/datasets/oscd.py',
    '../../_base_/schedules/skysense-v2_seg_10k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
class_weight = [1.0, 5.0]
model = dict(
    # Bands are normalised in the pipeline.
    data_preprocessor=dict(
        mean=None, std=None, bgr_to_rgb=False, size=crop_size),
    backbone=dict(modalities=('s2', ), modality='s2'),
    decode_head=dict(loss_decode=dict(class_weight=class_weight)),
    auxiliary_head=dict(loss_decode=dict(class_weight=class_weight)),
    test_cfg=dict(crop_size=crop_size, stride=(48, 48)))
auto_scale_lr = dict(base_batch_size=32)
default_hooks = dict(
    checkpoint=dict(interval=1000), visualization=dict(rgb_bands=[3, 2, 1]))
visualizer = dict(rgb_bands=[3, 2, 1])
