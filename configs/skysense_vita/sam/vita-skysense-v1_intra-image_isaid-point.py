# Copyright (c) mmeo contributors. All rights reserved.
# Each target is its own example, shown by five points of each class.
_base_ = './vita-skysense-v1_intra-image_isaid.py'
test_dataloader = dict(dataset=dict(prompt_kind='point'))
val_dataloader = test_dataloader
