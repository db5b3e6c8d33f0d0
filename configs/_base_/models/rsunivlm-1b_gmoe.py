# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM with its three experts (stage 2): only they are trained.
# 1 521 188 640 parameters stored, 893 615 904 at work, 941 359 104 trained
# (the paper counts the 313 786 368 of the one at work).
_base_ = './rsunivlm-1b.py'
model = dict(
    moe=dict(type='GranularityMoE', num_experts=3),
    freeze=('vision', 'projector', 'llm'))
