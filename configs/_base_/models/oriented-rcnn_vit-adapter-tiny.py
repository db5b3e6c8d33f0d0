# Copyright (c) mmeo contributors. All rights reserved.
# The same detector, small enough to train on a CPU in a minute.
_base_ = './oriented-rcnn_vit-adapter-l.py'
embed_dims = 128
channels = 64
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmeo.ViTAdapter',
        vit=dict(
            type='mmeo.InternViT', arch='tiny', img_size=256, patch_size=16),
        # Two interactions without extra extractors: half the time of the
        # full adapter, which a CPU feels.
        interaction_indexes=[[0, 3], [4, 7]],
        use_extra_extractor=False,
        deform_ratio=0.25,
        num_heads=4,
        conv_inplane=16),
    neck=dict(in_channels=[embed_dims] * 4, out_channels=channels),
    rpn_head=dict(
        in_channels=channels,
        feat_channels=channels,
        anchor_generator=dict(scales=[4])),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=channels),
        bbox_head=dict(in_channels=channels, fc_out_channels=256)),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=500, max_per_img=300),
        rcnn=dict(sampler=dict(num=128))),
    test_cfg=dict(
        rpn=dict(nms_pre=1000, max_per_img=500),
        rcnn=dict(nms_pre=1000, max_per_img=1000)))
