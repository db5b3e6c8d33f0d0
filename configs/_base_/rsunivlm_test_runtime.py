# Copyright (c) mmeo contributors. All rights reserved.
# Answers are written down as they come, and a killed test goes on where it
# was. bfloat16 is what the weights were trained in; test_cfg.dtype=float32 to
# see what rounding costs.
_base_ = './default_runtime.py'
test_cfg = dict(type='DialogueTestLoop', dtype='bfloat16')
# Answers are text: there is no hook that draws.
default_hooks = dict(
    _delete_=True,
    logger=dict(type='LoggerHook', interval=20, log_metric_by_epoch=False))
# Weights that were trained on other views, words or routes are refused.
custom_hooks = [*_base_.custom_hooks, dict(type='VLMManifestHook')]
