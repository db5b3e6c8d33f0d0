# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's proxy task of all ablations (section 5): RSAR, fine-tuned on its
# validation set, tested on its test set. Full pretraining: AP50 54.6.
_base_ = '../../../configs/vitp/rsar/vitp-l_oriented-rcnn_1x_rsar.py'

train_dataloader = dict(
    dataset=dict(
        ann_file='val/annfiles', data_prefix=dict(img_path='val/images')))
model = dict(
    backbone=dict(
        vit=dict(
            init_cfg=dict(
                checkpoint='work_dirs/vitp-1b_instruct-pretrain_8k_rs/'
                'vit.safetensors'))))
