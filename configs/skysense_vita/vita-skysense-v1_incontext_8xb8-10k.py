# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA, stage 2, with the paper's two encoders: 10 000 iterations of
# 64 episodes (8 GPUs x 8). Validation is on LoveDA; the folders beside this
# file test on one set each, with the same training:
#   tools/dist_train.sh configs/skysense_vita/THIS.py 8
#   tools/dist_test.sh configs/skysense_vita/SET/CONFIG.py CHECKPOINT 8
_base_ = [
    '../_base_/models/vita_skysense-v1.py',
    '../_base_/datasets/incontext_train.py',
    '../_base_/datasets/incontext_loveda.py',
    '../_base_/schedules/skysense-vita_10k.py',
    '../_base_/skysense-vita_runtime.py'
]
model = dict(
    test_cfg=dict(modes=_base_.modes, crop_size=512, stride=341))
