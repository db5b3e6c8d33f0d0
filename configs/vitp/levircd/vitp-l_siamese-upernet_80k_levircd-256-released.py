# Copyright (c) mmeo contributors. All rights reserved.
# Released code: head of 1024 channels, checkpoints chosen on the test set, the
# other adapter; position tables and level embedding are decayed.
_base_ = './vitp-l_siamese-upernet_80k_levircd-256.py'
# The release ran mmcv's deformable attention here.
model = dict(
    backbone=dict(
        deform_ratio=1.0,
        attn_dropout=0.1,
        extractor_residual='normalised'),
    decode_head=dict(channels=1024))
val_dataloader = dict(
    dataset=dict(
        data_prefix=dict(
            img_path='test/A', img_path2='test/B',
            seg_map_path='test/label')))
optim_wrapper = dict(paramwise_cfg=dict(preset='released'))
