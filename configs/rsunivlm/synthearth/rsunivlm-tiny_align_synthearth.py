# Copyright (c) mmeo contributors. All rights reserved.
# Before stage 1: learning to see from label maps in words, in place of the
# pretrained weights that the paper starts from.
_base_ = './rsunivlm-tiny_stage1_synthearth.py'

train_dataloader = dict(
    dataset=dict(ann_file='rsunivlm/cover.jsonl', max_rounds=None))
load_from = None
max_iters, warmup = 240, 8
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=1 / warmup, end=warmup),
    dict(_base_.param_scheduler[1], begin=warmup, end=max_iters),
]
test_dataloader = None
test_evaluator = None
test_cfg = None
