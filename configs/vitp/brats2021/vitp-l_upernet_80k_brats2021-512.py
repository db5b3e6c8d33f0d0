# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on BraTS 2021 (8 GPUs x 2 slices; run with `--amp`): mDice 72.11 in the
# paper on 76,467 slices. It is silent on split, sequences, size and schedule,
# and no config was released: those are our choice, the rates are those of
# ViTP's segmentation.
_base_ = [
    '../../_base_/models/upernet_vit-adapter-l.py',
    '../../_base_/datasets/brats2021.py',
    '../../_base_/schedules/vitp_seg_80k.py',
    '../../_base_/vitp_iter_runtime.py'
]
model = dict(
    backbone=dict(
        vit=dict(
            init_cfg=dict(
                type='Pretrained',
                checkpoint='weights/ViTP_ViT_L_300M_med.safetensors'))),
    decode_head=dict(num_classes=4),
    test_cfg=dict(_delete_=True, mode='whole'))
auto_scale_lr = dict(base_batch_size=16)
