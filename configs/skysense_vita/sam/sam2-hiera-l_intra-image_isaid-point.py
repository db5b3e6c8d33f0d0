# Copyright (c) mmeo contributors. All rights reserved.
# Prompts are five points of each class in the target itself.
_base_ = './sam2-hiera-l_intra-image_isaid.py'
model = dict(prompt_kind=None)
test_dataloader = dict(dataset=dict(prompt_kind='point'))
