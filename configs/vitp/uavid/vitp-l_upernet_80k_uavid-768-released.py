# Copyright (c) mmeo contributors. All rights reserved.
# Released code: trained on train and val, tested with `--tta` (six scales from
# 0.5 to 1.75 and flips); position tables and level embedding are decayed.
_base_ = './vitp-l_upernet_80k_uavid-768.py'
train_dataloader = dict(dataset=dict(splits=('train_tiles', 'val_tiles')))
optim_wrapper = dict(paramwise_cfg=dict(preset='released'))
