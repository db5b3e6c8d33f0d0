# Copyright (c) mmeo contributors. All rights reserved.
# Stage 1 of SkySense-VITA with the paper's encoders: the Swin V2 of SkySense
# V1 is frozen, its Sentinel-1 ViT-L learns. Patches of 8 as in stage 2
# (vita_skysense-v1.py); the stored kernel is resized.
model = dict(
    type='VITAAlignPretrainer',
    optical=dict(
        type='SkySenseV1',
        part='hr',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/skysense_model_backbone_hr.pth')),
    sar=dict(
        type='SkySenseV1',
        part='s1',
        patch_size=8,
        drop_path_rate=0.1,
        with_cp=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/skysense_model_backbone_s1.pth')),
    # Our choice: 1024 -> 2048 -> 2816, the width of the frozen features.
    projector=dict(hidden_dims=2048, num_layers=2),
    temperature=0.07,
    loss_weights=dict(cl=1., cma=1.))
