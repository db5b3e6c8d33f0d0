# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on AID, 50 % to train on: OA 99.05 in the paper.
_base_ = './skysense-v2-h_linear_200e_aid20-224.py'
train_dataloader = dict(dataset=dict(split='aid/train50_seed0'))
val_dataloader = dict(dataset=dict(split='aid/test50_seed0'))
test_dataloader = val_dataloader
