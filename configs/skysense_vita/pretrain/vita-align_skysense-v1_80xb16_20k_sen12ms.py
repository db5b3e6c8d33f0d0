# Copyright (c) mmeo contributors. All rights reserved.
# Stage 1 of SkySense-VITA at the paper's scale: 80 GPUs, the optical encoder
# of SkySense V1 frozen, its SAR encoder aligned. Data and schedule are ours.
# tools/dist_train.sh CONFIG 8, with NNODES=10.
_base_ = [
    '../../_base_/models/vita-align_skysense-v1.py',
    '../../_base_/datasets/sen12ms_align.py',
    '../../_base_/schedules/skysense-vita_align.py',
    '../../_base_/default_runtime.py',
]

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(interval=2000, max_keep_ckpts=3))
log_processor = dict(window_size=50)
