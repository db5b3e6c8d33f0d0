# Copyright (c) mmeo contributors. All rights reserved.
# UPerNet on SkySense V2 (huge) that sees several sensors, with fusion over
# time: the fused map joins the last level. A config of 10 m sensors alone sets
# `backbone.backbone.modalities` and `fused_levels=(0, 1, 2, 3)`, and adds 1024
# to the other `in_channels`. Dataloaders need
# `collate_fn=dict(type='list_collate')`. No weights of V2 are public: give
# those of your own pretraining,
#   --cfg-options model.backbone.init_cfg.type=Pretrained \
#   model.backbone.init_cfg.checkpoint=FILE
# FILE is what tools/model_converters/extract_backbone.py --fusion wrote, or
# the pretraining's iter_*.pth with model.backbone.init_cfg.prefix=teacher.
# Without a pretrained fusion say model.backbone.backbone.init_cfg instead, and
# leave out --fusion, or give the prefix teacher.backbone.
embed_dims = 352
fusion_dims = 1024
model = dict(
    type='MultiModalSegmentor',
    data_preprocessor=dict(type='MultiModalDataPreprocessor'),
    backbone=dict(
        type='MultiModalEncoder',
        backbone=dict(
            type='SkySenseV2',
            arch='huge',
            modalities=('hr', 's2', 's1'),
            drop_path_rate=0.2,
            with_cp=True),
        fusion=dict(
            type='TemporalFusion',
            in_channels=embed_dims * 8,
            embed_dims=fusion_dims,
            drop_path_rate=0.3,
            with_cp=True)),
    decode_head=dict(
        type='mmseg.UPerHead',
        in_channels=[
            embed_dims, embed_dims * 2, embed_dims * 4,
            embed_dims * 8 + fusion_dims
        ],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=512,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(
            type='mmseg.CrossEntropyLoss', use_sigmoid=False,
            loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
