# Copyright (c) mmeo contributors. All rights reserved.
# For runs that are counted in epochs.
_base_ = './default_runtime.py'
default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=10))
log_processor = dict(by_epoch=True, window_size=50)
