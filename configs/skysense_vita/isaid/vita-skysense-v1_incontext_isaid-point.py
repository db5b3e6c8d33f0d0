# Copyright (c) mmeo contributors. All rights reserved.
# Examples shown by five points: mIoU 23.97 by example in the paper.
_base_ = './vita-skysense-v1_incontext_isaid.py'
val_dataloader = dict(dataset=dict(prompt_kind='point'))
test_dataloader = val_dataloader
