# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM, stage 2 without experts, all parameters trained: "Full-parameter"
# of Table 8, 893.6 M.
_base_ = './rsunivlm-1b_stage2-gmoe_1e.py'
model = dict(moe=None, freeze=())
