# Copyright (c) mmeo contributors. All rights reserved.
# Pretrained without radar data (ViTP, table 7: AP50 52.5).
_base_ = './vitp-l_oriented-rcnn_1x_rsar-val.py'

model = dict(
    backbone=dict(
        vit=dict(
            init_cfg=dict(
                checkpoint='work_dirs/vitp-1b_instruct-pretrain_8k_rs-no-sar/'
                'vit.safetensors'))))
