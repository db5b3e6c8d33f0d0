# Copyright (c) mmeo contributors. All rights reserved.
# UPerNet on the high-resolution encoder of SkySense V1 (Swin V2, 655M) with an
# auxiliary FCN on stage 3. The weights are the authors', for non-commercial
# use, as they are or converted (docs/en/weights.md).
_base_ = './upernet_aux.py'
embed_dims = 352
model = dict(
    backbone=dict(
        type='SkySenseV1',
        part='hr',
        drop_path_rate=0.2,
        with_cp=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/skysense_model_backbone_hr.pth')),
    decode_head=dict(
        in_channels=[embed_dims, embed_dims * 2, embed_dims * 4,
                     embed_dims * 8]),
    auxiliary_head=dict(in_channels=embed_dims * 4, in_index=2))
