# Copyright (c) mmeo contributors. All rights reserved.
# UPerNet on the Sentinel-2 encoder of SkySense V1 (ViT-L, patches of 4 px),
# maps of blocks 6, 12, 18, 24 at strides 1, 2, 4, 8, an auxiliary FCN on the
# last: heads as in SkySense++'s public configs. A config for Sentinel-1 sets
# `part='s1'` and the file. The weights are the authors', for non-commercial
# use, as they are or converted (docs/en/weights.md).
_base_ = './upernet_aux.py'
embed_dims = 1024
model = dict(
    # Bands are normalised in the pipeline.
    data_preprocessor=dict(mean=None, std=None, bgr_to_rgb=False),
    backbone=dict(
        type='SkySenseV1',
        part='s2',
        drop_path_rate=0.3,
        with_cp=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/skysense_model_backbone_s2.pth')),
    neck=dict(
        type='mmseg.MultiLevelNeck',
        in_channels=[embed_dims] * 4,
        out_channels=768,
        scales=[4, 2, 1, 0.5]),
    decode_head=dict(in_channels=[768] * 4),
    auxiliary_head=dict(in_channels=768, in_index=3))
