# Copyright (c) mmeo contributors. All rights reserved.
# Linear multi-label classifier on SkySense V2 (huge) that sees several
# sensors: mean over the last maps, that of the backbone and the fused one.
# Dataloaders need `collate_fn=dict(type='list_collate')`. No weights of V2 are
# public: give those of your own pretraining,
#   --cfg-options model.backbone.init_cfg.type=Pretrained \
#   model.backbone.init_cfg.checkpoint=FILE
# FILE is what tools/model_converters/extract_backbone.py --fusion wrote, or
# the pretraining's iter_*.pth with model.backbone.init_cfg.prefix=teacher.
# Without a pretrained fusion say model.backbone.backbone.init_cfg instead, and
# leave out --fusion, or give the prefix teacher.backbone.
embed_dims = 352
fusion_dims = 1024
model = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=dict(type='mmeo.MultiModalDataPreprocessor'),
    backbone=dict(
        type='MultiModalEncoder',
        backbone=dict(
            type='SkySenseV2',
            arch='huge',
            modalities=('s2', 's1'),
            out_indices=(3, ),
            drop_path_rate=0.2,
            with_cp=True),
        fusion=dict(
            type='TemporalFusion',
            in_channels=embed_dims * 8,
            embed_dims=fusion_dims,
            # both sensors have one grid
            up_ratio=1,
            drop_path_rate=0.3,
            with_cp=True)),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    head=dict(
        type='mmpretrain.MultiLabelLinearClsHead',
        num_classes=19,
        in_channels=embed_dims * 8 + fusion_dims,
        loss=dict(
            type='mmpretrain.CrossEntropyLoss', use_sigmoid=True,
            loss_weight=1.0)))
