# Copyright (c) mmeo contributors. All rights reserved.
# UPerNet with an auxiliary FCN. A model adds the map that it reads, its
# `in_index` and `in_channels`.
_base_ = './upernet.py'
model = dict(
    auxiliary_head=dict(
        type='mmseg.FCNHead',
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(
            type='mmseg.CrossEntropyLoss', use_sigmoid=False,
            loss_weight=0.4)))
