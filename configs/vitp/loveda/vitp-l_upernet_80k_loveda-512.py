# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on LoveDA (8 GPUs x 1 crop; run with `--amp`): mIoU 54.28 in the paper,
# from the test server. Official splits at full resolution; rates and schedule,
# on which the paper is silent, are those of the release.
_base_ = [
    '../../_base_/models/upernet_vit-adapter-l.py',
    '../../_base_/datasets/loveda.py',
    '../../_base_/schedules/vitp_seg_80k.py',
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
    decode_head=dict(num_classes=7),
    test_cfg=dict(crop_size=crop_size, stride=(384, 384)))
optim_wrapper = dict(optimizer=dict(weight_decay=0.1))
