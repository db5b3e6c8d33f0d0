# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's pretraining for medical images (arXiv 2509.17562, appendix B and Table
# 11).
_base_ = [
    '../../_base_/models/internvl2_5-1b.py',
    '../../_base_/datasets/vitp_medical_paper.py',
    '../../_base_/schedules/vitp_pretrain_8k.py',
    '../../_base_/vitp_pretrain_runtime.py',
]

model = dict(tokenizer=_base_.tokenizer)
# The published InternVL2.5-1B, converted (docs/en/vitp_pretraining.md).
load_from = 'weights/internvl2_5-1b_mmeo.safetensors'
