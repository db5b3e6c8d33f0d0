# Copyright (c) mmeo contributors. All rights reserved.
# LoRA in place of experts in stage 2 (rsunivlm-1b_stage2-lora_1e.py): VQA on
# RSVQA-LR for the row "LoRA" of Table 8. Needs peft.
_base_ = './rsunivlm-1b_vqa_rsvqa_lr.py'

model = dict(
    moe=None,
    llm=dict(lora=dict(r=128, lora_alpha=256, lora_dropout=0.05)))
