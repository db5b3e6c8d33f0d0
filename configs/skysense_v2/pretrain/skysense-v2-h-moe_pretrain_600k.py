# Copyright (c) mmeo contributors. All rights reserved.
# As skysense-v2-h_pretrain_600k.py, with 8 experts in the last six blocks,
# one for each token (paper, section 3.2): 1.99 B parameters.
_base_ = './skysense-v2-h_pretrain_600k.py'

model = dict(backbone=dict(moe=dict(num_experts=8, top_k=1, num_layers=6)))
