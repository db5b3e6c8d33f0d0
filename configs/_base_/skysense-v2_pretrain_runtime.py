# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2's pretraining: the teacher moves after each step.
_base_ = './default_runtime.py'
custom_hooks = [
    dict(type='ProgressHook'),
    dict(type='StepSeedHook'),
    dict(type='EMATeacherHook'),
]
