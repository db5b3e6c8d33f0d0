# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on SARDet-100K (paper table 2: AP 59.7): 8 GPUs x 1 image of 800 px
# (appendix C.2.2), run with `--amp`. Learning rate and decay as released.
_base_ = [
    '../../_base_/models/cascade-rcnn_vit-adapter-l.py',
    '../../_base_/datasets/sardet100k.py',
    '../../_base_/schedules/vitp_det_1x.py',
    '../../_base_/default_runtime.py'
]
# The authors' weights are not free: get them yourself, or take the vision
# tower of InternVL2.5-1B.
model = dict(
    backbone=dict(
        vit=dict(
            img_size=800,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='weights/ViTP_ViT_L_300M_rs.safetensors'))),
    roi_head=dict(bbox_head=[
        dict(head, num_classes=6)
        for head in _base_.model.roi_head.bbox_head
    ]))
optim_wrapper = dict(
    optimizer=dict(lr=1e-5), paramwise_cfg=dict(layer_decay_rate=0.95))

default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=1))
log_processor = dict(by_epoch=True, window_size=50)
