# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on SSDD (paper table 4: box AP 70.8, mask AP 65.9): 8 GPUs x 1 image of
# 608 px, run with `--amp`. Size, schedule and rates as released.
_base_ = [
    '../../_base_/models/mask-rcnn_vit-adapter-l.py',
    '../../_base_/datasets/ssdd.py',
    '../../_base_/schedules/vitp_det_2x.py',
    '../../_base_/default_runtime.py'
]
# The authors' weights are not free: get them yourself, or take the vision
# tower of InternVL2.5-1B.
model = dict(
    backbone=dict(
        vit=dict(
            img_size=608,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='weights/ViTP_ViT_L_300M_rs.safetensors'))),
    roi_head=dict(
        bbox_head=dict(num_classes=1), mask_head=dict(num_classes=1)))
optim_wrapper = dict(
    optimizer=dict(lr=1e-5), paramwise_cfg=dict(layer_decay_rate=0.9))

default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=1))
log_processor = dict(by_epoch=True, window_size=50)
