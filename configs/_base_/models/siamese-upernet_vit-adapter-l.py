# Copyright (c) mmeo contributors. All rights reserved.
# Change detection of ViTP: both dates through one ViT-Adapter, their maps side
# by side into UPerNet.
_base_ = './upernet_vit-adapter-l.py'
crop_size = (256, 256)
model = dict(
    type='SiameseEncoderDecoder',
    fusion='concat',
    data_preprocessor=dict(type='ChangeDataPreProcessor', size=crop_size),
    backbone=dict(vit=dict(img_size=256)),
    decode_head=dict(in_channels=[2 * 1024] * 4, num_classes=2),
    test_cfg=dict(crop_size=crop_size, stride=(128, 128)))
