# Copyright (c) mmeo contributors. All rights reserved.
# LoRA in place of experts in stage 2 (rsunivlm-1b_stage2-lora_1e.py):
# grounding on VRSBench-Ref for the row "LoRA" of Table 8. Needs peft.
_base_ = './rsunivlm-1b_vg_vrsbench.py'

model = dict(
    moe=None,
    llm=dict(lora=dict(r=128, lora_alpha=256, lora_dropout=0.05)))
