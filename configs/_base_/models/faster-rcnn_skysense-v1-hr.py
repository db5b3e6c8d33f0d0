# Copyright (c) mmeo contributors. All rights reserved.
# Faster R-CNN with a feature pyramid on the high-resolution encoder of
# SkySense V1 (Swin V2, 655M); heads and their training as in mmdet. The
# weights are the authors', for non-commercial use, as they are or converted
# (docs/en/weights.md).
_base_ = './faster-rcnn_skysense-v2-h.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmeo.SkySenseV1',
        part='hr',
        drop_path_rate=0.2,
        with_cp=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/skysense_model_backbone_hr.pth')))
