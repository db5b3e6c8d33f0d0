# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's pretraining for remote sensing (arXiv 2509.17562, appendix B and Table
# 10): InternVL2.5-1B, token drop 0.75, 8 000 steps of 128 samples; 23 h on 8
# A40.
_base_ = [
    '../../_base_/models/internvl2_5-1b.py',
    '../../_base_/datasets/vitp_rs_paper.py',
    '../../_base_/schedules/vitp_pretrain_8k.py',
    '../../_base_/vitp_pretrain_runtime.py',
]

model = dict(tokenizer=_base_.tokenizer)
# The published InternVL2.5-1B, converted (docs/en/vitp_pretraining.md).
load_from = 'weights/internvl2_5-1b_mmeo.safetensors'
