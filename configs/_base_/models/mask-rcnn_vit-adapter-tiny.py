# Copyright (c) mmeo contributors. All rights reserved.
# The same detector, small enough for a CPU: no stride 4, and in exchange two
# small anchors at stride 8; few samples.
_base_ = './mask-rcnn_vit-adapter-l.py'
embed_dims = 128
channels = 64
num_classes = 1
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmeo.ViTAdapter',
        vit=dict(
            type='mmeo.InternViT', arch='tiny', img_size=256, patch_size=16),
        interaction_indexes=[[0, 3], [4, 7]],
        use_extra_extractor=False,
        deform_ratio=0.25,
        num_heads=4,
        conv_inplane=16,
        out_indices=(1, 2, 3)),
    neck=dict(
        in_channels=[embed_dims] * 3, out_channels=channels, num_outs=4),
    rpn_head=dict(
        in_channels=channels,
        feat_channels=channels,
        anchor_generator=dict(scales=[2, 4], strides=[8, 16, 32, 64])),
    roi_head=dict(
        bbox_roi_extractor=dict(
            out_channels=channels, featmap_strides=[8, 16, 32]),
        bbox_head=dict(
            in_channels=channels, fc_out_channels=256,
            num_classes=num_classes),
        mask_roi_extractor=dict(
            out_channels=channels, featmap_strides=[8, 16, 32]),
        mask_head=dict(
            in_channels=channels,
            conv_out_channels=channels,
            num_classes=num_classes)),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=300, max_per_img=150),
        rcnn=dict(sampler=dict(num=64, pos_fraction=0.5))),
    test_cfg=dict(rpn=dict(nms_pre=300, max_per_img=150)))
