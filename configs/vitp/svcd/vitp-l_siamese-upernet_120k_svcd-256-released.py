# Copyright (c) mmeo contributors. All rights reserved.
# Released code: layer decay 0.94 counted from 39 layers, which the ViT has not
# (left over from another backbone: its last block learns at 0.37 of the rate),
# and the other adapter; position tables and level embedding are decayed.
_base_ = './vitp-l_siamese-upernet_120k_svcd-256.py'
# The release ran mmcv's deformable attention here.
model = dict(
    backbone=dict(
        deform_ratio=1.0,
        attn_dropout=0.1,
        extractor_residual='normalised'))
optim_wrapper = dict(
    paramwise_cfg=dict(
        layer_decay_rate=0.94, num_layers=39, preset='released'))
