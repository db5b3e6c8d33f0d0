# Copyright (c) mmeo contributors. All rights reserved.
# Mask R-CNN on InternViT-300M with ViT-Adapter, as in ViTP: a feature pyramid
# with top-down path, L1 box losses, low-quality matches also in the box head.
_base_ = './faster-rcnn.py'
embed_dims = 1024
channels = _base_.channels
num_classes = 80
model = dict(
    type='MaskRCNN',
    data_preprocessor=dict(pad_mask=True),
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
    neck=dict(in_channels=[embed_dims] * 4),
    roi_head=dict(
        bbox_head=dict(num_classes=num_classes),
        mask_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=14, sampling_ratio=0),
            out_channels=channels,
            featmap_strides=[4, 8, 16, 32]),
        mask_head=dict(
            type='FCNMaskHead',
            num_convs=4,
            in_channels=channels,
            conv_out_channels=channels,
            num_classes=num_classes,
            loss_mask=dict(
                type='CrossEntropyLoss', use_mask=True, loss_weight=1.0))),
    train_cfg=dict(
        rcnn=dict(assigner=dict(match_low_quality=True), mask_size=28)),
    test_cfg=dict(rcnn=dict(mask_thr_binary=0.5)))
