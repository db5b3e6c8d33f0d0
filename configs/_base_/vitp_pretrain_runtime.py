# Copyright (c) mmeo contributors. All rights reserved.
# Seed and checkpoints of ViTP's pretraining (released scripts).
_base_ = './default_runtime.py'
default_hooks = dict(
    checkpoint=dict(interval=2000, max_keep_ckpts=20))
randomness = dict(seed=42)
