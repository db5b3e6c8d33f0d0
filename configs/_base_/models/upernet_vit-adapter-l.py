# Copyright (c) mmeo contributors. All rights reserved.
# UPerNet on InternViT-300M with ViT-Adapter, as in ViTP: one softmax
# cross-entropy, no auxiliary head. A config that crops other than 512 px sets
# `data_preprocessor.size`, `vit.img_size` and `test_cfg`. Positions are
# resized at run time, so that windows of any other size work as well.
_base_ = './upernet.py'
embed_dims = 1024
model = dict(
    backbone=dict(
        type='ViTAdapter',
        vit=dict(
            type='InternViT',
            arch='300m',
            img_size=512,
            patch_size=16,
            drop_path_rate=0.1),
        drop_path_rate=0.1,
        with_cp=True),
    decode_head=dict(in_channels=[embed_dims] * 4))
