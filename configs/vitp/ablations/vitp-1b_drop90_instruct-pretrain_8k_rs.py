# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's Figure 6: drop ratio 0.9 (0.75 is the pretraining config itself).
_base_ = '../pretrain/vitp-1b_instruct-pretrain_8k_rs.py'
model = dict(token_drop=dict(drop_ratio=0.9))
