# Copyright (c) mmeo contributors. All rights reserved.
# Global average pooling and a linear layer on the last map of SkySense V2
# (huge), high-resolution RGB, one class per image. A config for another sensor
# sets `backbone.modalities`, one with several classes per image the head. No
# weights of V2 are public: give those of your own pretraining,
#   --cfg-options model.backbone.init_cfg.type=Pretrained \
#   model.backbone.init_cfg.checkpoint=FILE
# FILE is what tools/model_converters/extract_backbone.py wrote, or the
# pretraining's iter_*.pth with model.backbone.init_cfg.prefix=teacher.backbone
embed_dims = 352
model = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=dict(
        type='mmpretrain.ClsDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True),
    backbone=dict(
        type='SkySenseV2',
        arch='huge',
        modalities=('hr', ),
        modality='hr',
        out_indices=(3, ),
        drop_path_rate=0.2,
        with_cp=True),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    head=dict(
        type='mmpretrain.LinearClsHead',
        num_classes=30,
        in_channels=embed_dims * 8,
        loss=dict(type='mmpretrain.CrossEntropyLoss', loss_weight=1.0)))
