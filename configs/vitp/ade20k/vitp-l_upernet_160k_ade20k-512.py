# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on ADE20K (8 GPUs x 2 crops; run with `--amp`): mIoU 55.8 in the paper's
# Table 13. Neither config nor weights were released. The paper gives UPerNet
# and 160 000 iterations; crops, rates and the auxiliary head are those of
# ViT-Adapter-L (our choice). The weights are those of your own pretraining on
# general data.
_base_ = [
    '../../_base_/models/upernet_vit-adapter-l.py',
    '../../_base_/datasets/ade20k.py',
    '../../_base_/schedules/vitp_seg_160k.py',
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
                checkpoint='weights/vitp_general_vit.safetensors'))),
    decode_head=dict(num_classes=150),
    auxiliary_head=dict(
        type='mmseg.FCNHead',
        in_channels=1024,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(
            type='mmseg.CrossEntropyLoss', use_sigmoid=False,
            loss_weight=0.4)),
    test_cfg=dict(crop_size=crop_size, stride=(341, 341)))
auto_scale_lr = dict(base_batch_size=16)
