# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on iSAID (8 GPUs x 2 tiles; run with `--amp`): mIoU 71.14 in the paper,
# over 16 classes on val. The paper is silent about the optimizer and takes
# after 'previous practice': rates and schedule are those of the release.
_base_ = [
    '../../_base_/models/upernet_vit-adapter-l.py',
    '../../_base_/datasets/isaid.py', '../../_base_/schedules/vitp_seg_80k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(
        vit=dict(
            img_size=896,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='weights/ViTP_ViT_L_300M_rs.safetensors'))),
    decode_head=dict(num_classes=16),
    test_cfg=dict(crop_size=crop_size, stride=(448, 448)))
optim_wrapper = dict(optimizer=dict(lr=1.5e-5))
auto_scale_lr = dict(base_batch_size=16)
