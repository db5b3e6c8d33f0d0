# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on AMOS 2022 (8 GPUs x 2 slices; run with `--amp`): mDice 90.60 in the
# paper on 19,310 slices with 14 classes, which it does not name; here the
# official 15 organs. It is silent on split, size and schedule, and no config
# was released: those are our choice, the rates are those of ViTP's
# segmentation.
_base_ = [
    '../../_base_/models/upernet_vit-adapter-l.py',
    '../../_base_/datasets/amos2022.py',
    '../../_base_/schedules/vitp_seg_80k.py',
    '../../_base_/vitp_iter_runtime.py'
]
model = dict(
    backbone=dict(
        vit=dict(
            init_cfg=dict(
                type='Pretrained',
                checkpoint='weights/ViTP_ViT_L_300M_med.safetensors'))),
    decode_head=dict(num_classes=16),
    test_cfg=dict(_delete_=True, mode='whole'))
auto_scale_lr = dict(base_batch_size=16)
