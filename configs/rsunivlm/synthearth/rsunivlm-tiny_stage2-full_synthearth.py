# Copyright (c) mmeo contributors. All rights reserved.
# Stage 2 without experts, all parameters trained.
_base_ = './rsunivlm-tiny_stage2-gmoe_synthearth.py'
model = dict(moe=None, freeze=())
optim_wrapper = dict(optimizer=dict(lr=5e-4))
