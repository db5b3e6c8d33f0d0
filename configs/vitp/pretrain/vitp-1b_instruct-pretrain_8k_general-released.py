# Copyright (c) mmeo contributors. All rights reserved.
# As vitp-1b_instruct-pretrain_16k_general.py with the released scripts'
# values: 8 000 steps, drop in a quarter of the samples, warm-up 0.2,
# samples weigh the same, the released mixture.
_base_ = [
    '../../_base_/models/internvl2_5-1b.py',
    '../../_base_/datasets/vitp_general_released.py',
    '../../_base_/schedules/vitp_pretrain_8k-released.py',
    '../../_base_/vitp_pretrain_runtime.py',
]

model = dict(
    tokenizer=_base_.tokenizer,
    token_drop=dict(apply_prob=0.25),
    loss_weighting='sample')
# The published InternVL2.5-1B, converted (docs/en/vitp_pretraining.md).
load_from = 'weights/internvl2_5-1b_mmeo.safetensors'
