# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on WHU-CD (8 GPUs x 4 pairs, float32): F1 94.98 in the paper, changed
# class. Rates and schedule, on which the paper is silent, are those of the
# release.
_base_ = [
    '../../_base_/models/siamese-upernet_vit-adapter-l.py',
    '../../_base_/datasets/whucd.py', '../../_base_/schedules/vitp_cd_120k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(
        vit=dict(
            img_size=256,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='weights/ViTP_ViT_L_300M_rs.safetensors'))),
    test_cfg=dict(_delete_=True, mode='whole'))
auto_scale_lr = dict(base_batch_size=32)
