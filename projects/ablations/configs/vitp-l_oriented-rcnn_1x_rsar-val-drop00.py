# Copyright (c) mmeo contributors. All rights reserved.
# Pretrained with no token dropped (ViTP, section 5.3: AP50 52.8).
_base_ = './vitp-l_oriented-rcnn_1x_rsar-val.py'

model = dict(
    backbone=dict(
        vit=dict(
            init_cfg=dict(
                checkpoint='work_dirs/vitp-1b_drop00_instruct-pretrain_8k_rs/'
                'vit.safetensors'))))
