# Copyright (c) mmeo contributors. All rights reserved.
# Classes from coarse to fine over the first 80 % of a run (SGA).
_base_ = './default_runtime.py'
default_hooks = dict(
    logger=dict(interval=50), checkpoint=dict(interval=1000))
log_processor = dict(window_size=50)
custom_hooks = [
    dict(type='ProgressHook'),
    dict(type='StepSeedHook'),
    dict(type='SGAHook', levels=3)
]
