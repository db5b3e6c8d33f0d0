# Copyright (c) mmeo contributors. All rights reserved.
# Answers are written down as they come, and a killed test goes on where it
# was. bfloat16 is what the weights were trained in; test_cfg.dtype=float32 to
# see what rounding costs.
_base_ = './default_runtime.py'
test_cfg = dict(type='DialogueTestLoop', dtype='bfloat16')
# Answers are text: nothing to draw.
default_hooks = dict(logger=dict(interval=20), visualization=None)
