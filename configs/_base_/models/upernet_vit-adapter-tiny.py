# Copyright (c) mmeo contributors. All rights reserved.
# UPerNet on a tiny ViT-Adapter. GroupNorm instead of SyncBN: batches are
# small, and a CPU has no SyncBN.
norm_cfg = dict(type='GN', num_groups=8)
embed_dims = 128
model = dict(
    type='mmseg.EncoderDecoder',
    data_preprocessor=dict(
        type='mmseg.SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(256, 256),
        test_cfg=dict(size_divisor=32)),
    backbone=dict(
        type='ViTAdapter',
        vit=dict(type='InternViT', arch='tiny', img_size=256, patch_size=16),
        # Two interactions without extra extractors: half the time of the
        # full adapter, which a CPU feels.
        interaction_indexes=[[0, 3], [4, 7]],
        use_extra_extractor=False,
        deform_ratio=0.25,
        num_heads=4,
        conv_inplane=16),
    decode_head=dict(
        type='mmseg.UPerHead',
        in_channels=[embed_dims] * 4,
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=48,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    # Windows of the size seen in training: any image size will do.
    test_cfg=dict(mode='slide', crop_size=(256, 256), stride=(192, 192)))
