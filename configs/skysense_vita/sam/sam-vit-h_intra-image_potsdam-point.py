# Copyright (c) mmeo contributors. All rights reserved.
# Prompts are five points of each class in the target itself.
_base_ = './sam-vit-h_intra-image_potsdam.py'
model = dict(prompt_kind=None)
test_dataloader = dict(dataset=dict(prompt_kind='point'))
