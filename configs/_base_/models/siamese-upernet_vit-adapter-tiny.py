# Copyright (c) mmeo contributors. All rights reserved.
# Both dates through one tiny ViT-Adapter, their maps side by side into UPerNet
# (ViTP's `concat`).
_base_ = './upernet_vit-adapter-tiny.py'
model = dict(
    type='SiameseEncoderDecoder',
    fusion='concat',
    data_preprocessor=dict(type='ChangeDataPreProcessor'),
    decode_head=dict(
        in_channels=[2 * _base_.embed_dims] * 4, num_classes=2))
