# Copyright (c) mmeo contributors. All rights reserved.
# Examples shown by boxes: in the paper between points and masks, without a
# number that is known to us.
_base_ = './vita-skysense-v1_incontext_isaid.py'
val_dataloader = dict(dataset=dict(prompt_kind='box'))
test_dataloader = val_dataloader
