# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on S2Looking (8 GPUs x 1 crop, float32): F1 69.89 in the paper, changed
# class, test set. Rates and schedule, on which the paper is silent, are those
# of the release.
_base_ = [
    '../../_base_/models/siamese-upernet_vit-adapter-l.py',
    '../../_base_/datasets/s2looking.py',
    '../../_base_/schedules/vitp_cd_120k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(
        vit=dict(
            img_size=512,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='weights/ViTP_ViT_L_300M_rs.safetensors'))),
    test_cfg=dict(crop_size=crop_size, stride=(256, 256)))
