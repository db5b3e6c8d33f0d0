# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on NWPU-RESISC45, 20 % to train on: OA 97.24 in the paper.
_base_ = './skysense-v2-h_linear_200e_resisc45-10-224.py'
train_dataloader = dict(dataset=dict(split='resisc45/train20_seed0'))
val_dataloader = dict(dataset=dict(split='resisc45/test20_seed0'))
test_dataloader = val_dataloader
