# Copyright (c) mmeo contributors. All rights reserved.
# Oriented R-CNN (le90) on InternViT-300M with ViT-Adapter and SimpleFPN, as in
# ViTP.
_base_ = './oriented-rcnn.py'
embed_dims = 1024
model = dict(
    backbone=dict(
        type='mmeo.ViTAdapter',
        vit=dict(
            type='mmeo.InternViT',
            arch='300m',
            img_size=1024,
            patch_size=16,
            drop_path_rate=0.1),
        drop_path_rate=0.1,
        with_cp=True),
    neck=dict(type='mmeo.SimpleFPN', in_channels=[embed_dims] * 4))
