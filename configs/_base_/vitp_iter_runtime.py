# Copyright (c) mmeo contributors. All rights reserved.
# For runs of many thousand iterations: fewer lines, fewer checkpoints.
_base_ = './default_runtime.py'
default_hooks = dict(
    logger=dict(interval=50), checkpoint=dict(interval=8000))
log_processor = dict(window_size=50)
