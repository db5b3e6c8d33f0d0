# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on LEVIR-CD (8 GPUs x 4 pairs, float32): F1 92.67 in the paper, changed
# class, test set. Rates and schedule, on which the paper is silent, are those
# of the release; the head has 512 channels as for the other sets.
_base_ = [
    '../../_base_/models/siamese-upernet_vit-adapter-l.py',
    '../../_base_/datasets/levircd.py',
    '../../_base_/schedules/vitp_seg_80k.py',
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
    test_cfg=dict(crop_size=crop_size, stride=(128, 128)))
optim_wrapper = dict(optimizer=dict(lr=1e-4))
auto_scale_lr = dict(base_batch_size=32)
