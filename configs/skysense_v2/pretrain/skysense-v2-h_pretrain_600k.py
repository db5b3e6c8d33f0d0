# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2's pretraining as the paper has it (arXiv 2507.13812): 128 GPUs
# of 8 samples, 600 000 iterations; FSDP, bf16, activation checkpointing.
# tools/dist_train.sh CONFIG 8, with NNODES=16. docs/en/
# skysense_v2_pretraining.md lists what is not published and ours.
_base_ = [
    '../../_base_/models/skysense-v2_pretrain.py',
    '../../_base_/datasets/skysense_triplets.py',
    '../../_base_/schedules/skysense-v2_pretrain_600k.py',
    '../../_base_/skysense-v2_pretrain_runtime.py',
    '../../_base_/strategies/fsdp_skysense-v2_pretrain.py',
]

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(interval=2000, max_keep_ckpts=5))
log_processor = dict(window_size=50)
