# Copyright (c) mmeo contributors. All rights reserved.
# As skysense-v2-tiny_pretrain_synthearth.py, without
# the modalities' prompt tokens.
_base_ = './skysense-v2-tiny_pretrain_synthearth.py'

model = dict(backbone=dict(num_prompt_tokens=0))
