# Copyright (c) mmeo contributors. All rights reserved.
# Pretrained with 90 % of the tokens dropped (ViTP, section 5.3: AP50 54.3).
_base_ = './vitp-l_oriented-rcnn_1x_rsar-val.py'

model = dict(
    backbone=dict(
        vit=dict(
            init_cfg=dict(
                checkpoint='work_dirs/vitp-1b_drop90_instruct-pretrain_8k_rs/'
                'vit.safetensors'))))
