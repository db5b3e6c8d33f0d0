# Copyright (c) mmeo contributors. All rights reserved.
# Change detection of ViTP: both dates through one ViT-Adapter, their maps side
# by side into UPerNet.
_base_ = './upernet_vit-adapter-l.py'
model = dict(
    type='SiameseEncoderDecoder',
    fusion='concat',
    data_preprocessor=dict(type='ChangeDataPreProcessor', size=(256, 256)),
    backbone=dict(vit=dict(img_size=256)),
    decode_head=dict(in_channels=[2 * 1024] * 4, num_classes=2),
    test_cfg=dict(crop_size=(256, 256), stride=(128, 128)))
