# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA on ViTP's InternViT-300M with its adapter (ours), for optical
# images alone. Weights as for ViTP's segmentors: `backbone.vit.init_cfg`.
_base_ = './vita_skysense-v1.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='ViTAdapter',
        vit=dict(
            type='InternViT',
            arch='300m',
            img_size=512,
            patch_size=16,
            drop_path_rate=0.1),
        drop_path_rate=0.1,
        with_cp=True),
    neck=dict(in_channels=dict(_delete_=True, hr=[1024] * 4)),
    modalities=('hr', ))
