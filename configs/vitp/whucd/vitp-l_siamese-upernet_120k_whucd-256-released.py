# Copyright (c) mmeo contributors. All rights reserved.
# Released code: checkpoints chosen on the test set, the other adapter;
# position tables and level embedding are decayed.
_base_ = './vitp-l_siamese-upernet_120k_whucd-256.py'
# The release ran mmcv's deformable attention here.
model = dict(
    backbone=dict(
        deform_ratio=1.0,
        attn_dropout=0.1,
        extractor_residual='normalised'))
val_dataloader = dict(dataset=dict(ann_file='list/test.txt'))
optim_wrapper = dict(paramwise_cfg=dict(preset='released'))
