# Copyright (c) mmeo contributors. All rights reserved.
# Seed and checkpoints of RSUniVLM's training: our choice, nothing is
# published.
_base_ = './default_runtime.py'
default_hooks = dict(checkpoint=dict(interval=5000, max_keep_ckpts=2))
randomness = dict(seed=42)
