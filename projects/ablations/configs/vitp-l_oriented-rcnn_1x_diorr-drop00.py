# Copyright (c) mmeo contributors. All rights reserved.
# DIOR-R at 800 px from a pretraining without token drop (ViTP, table 16:
# clean AP50 71.91, under corruptions 67.13).
_base_ = [
    '../../../configs/vitp/diorr/'
    'vitp-l_oriented-rcnn_1x_diorr-released.py'
]

model = dict(
    backbone=dict(
        vit=dict(
            init_cfg=dict(
                checkpoint='work_dirs/vitp-1b_drop00_instruct-pretrain_8k_rs/'
                'vit.safetensors'))))
