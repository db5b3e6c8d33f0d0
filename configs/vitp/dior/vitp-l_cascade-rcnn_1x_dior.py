# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on DIOR (paper table 1: AP50 79.80): 8 GPUs x 1 image of 1024 px
# (appendix C.2.2), run with `--amp`. Learning rate and decay as released.
_base_ = [
    '../../_base_/models/cascade-rcnn_vit-adapter-l.py',
    '../../_base_/datasets/dior.py',
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
    roi_head=dict(bbox_head=[
        dict(head, num_classes=20)
        for head in _base_.model.roi_head.bbox_head
    ]))
train_cfg = dict(val_interval=4)
optim_wrapper = dict(
    optimizer=dict(lr=2e-5), paramwise_cfg=dict(layer_decay_rate=0.9))

default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=1))
log_processor = dict(by_epoch=True, window_size=50)
