# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on DOTA-v2.0 (paper table 1: AP50 60.23 on test-dev, from the evaluation
# server): 8 GPUs x 1 patch of 1024 px, run with `--amp`.
_base_ = [
    '../../_base_/models/oriented-rcnn_vit-adapter-l.py',
    '../../_base_/datasets/dotav2.py',
    '../../_base_/schedules/vitp_det_1x.py',
    '../../_base_/default_runtime.py'
]
# The authors' weights are not free: get them yourself, or take the vision
# tower of InternVL2.5-1B.
model = dict(
    backbone=dict(
        vit=dict(
            img_size=1024,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='weights/ViTP_ViT_L_300M_rs.safetensors'))),
    roi_head=dict(bbox_head=dict(num_classes=18)))

default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=1))
log_processor = dict(by_epoch=True, window_size=50)
