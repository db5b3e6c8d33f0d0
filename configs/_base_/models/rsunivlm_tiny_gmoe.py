# Copyright (c) mmeo contributors. All rights reserved.
# rsunivlm_tiny.py with experts, only they are trained.
_base_ = './rsunivlm_tiny.py'
model = dict(
    moe=dict(type='GranularityMoE', num_experts=3),
    freeze=('vision', 'projector', 'llm'))
