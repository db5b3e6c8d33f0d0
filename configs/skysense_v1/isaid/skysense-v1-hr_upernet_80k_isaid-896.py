# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V1 on iSAID (8 GPUs x 2 tiles; run with `--amp`): mIoU 70.91 in the
# paper, on val. Recipe of the released code: crops of 896 px after resizing by
# 0.5 to 2, AdamW at 6e-5, 80 000 iterations.
_base_ = [
    '../../_base_/models/upernet_skysense-v1-hr.py',
    '../../_base_/datasets/isaid.py',
    '../../_base_/schedules/skysense-v2_seg_80k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
train_pipeline = [
    *_base_.load,
    dict(
        type='mmcv.RandomResize',
        scale=crop_size,
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
        resize_type='mmseg.Resize'),
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.augment
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
model = dict(
    data_preprocessor=dict(size=crop_size),
    decode_head=dict(num_classes=16),
    auxiliary_head=dict(num_classes=16),
    test_cfg=dict(crop_size=crop_size, stride=(448, 448)))
