# Copyright (c) mmeo contributors. All rights reserved.
# Ablation (paper): leaves from the first step on, no semantic granularity
# annealing.
_base_ = './vita-tiny_incontext_synthearth.py'
custom_hooks = [dict(type='ProgressHook'), dict(type='StepSeedHook')]
