# Copyright (c) mmeo contributors. All rights reserved.
# As linear_skysense-v2-h.py, for any number of classes per image, of
# Sentinel-2 whose bands the pipeline normalises. The loss is binary
# cross-entropy, summed over classes.
_base_ = './linear_skysense-v2-h.py'
model = dict(
    data_preprocessor=dict(mean=None, std=None, to_rgb=False),
    backbone=dict(modalities=('s2', ), modality='s2'),
    head=dict(
        type='mmpretrain.MultiLabelLinearClsHead',
        num_classes=19,
        loss=dict(use_sigmoid=True)))
