# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's Figure 7 (larger language models give a worse vision tower) with
# InternVL3-8B. The figure's sizes are not in the paper's text; ours are models
# with InternViT-300M and a Qwen2.5. Split over the GPUs by FSDP.
_base_ = [
    '../../_base_/models/internvl3-8b.py',
    '../../_base_/datasets/vitp_rs_paper.py',
    '../../_base_/schedules/vitp_pretrain_8k.py',
    '../../_base_/vitp_pretrain_runtime.py',
    '../../_base_/strategies/fsdp.py',
]

tokenizer = 'weights/InternVL3-8B'
model = dict(tokenizer=tokenizer)
load_from = 'weights/internvl3-8b_mmeo.safetensors'
