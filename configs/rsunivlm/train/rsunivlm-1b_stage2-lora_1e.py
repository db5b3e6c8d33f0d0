# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM, stage 2 with LoRA in place of experts: "LoRA" of Table 8, rank 128,
# alpha 256. 70.4 M on the linear layers of Qwen2 and the 1.8 M of the
# projector are the table's 72 M. Dropout: that of the LLaVA code. Needs peft.
_base_ = './rsunivlm-1b_stage2-gmoe_1e.py'
model = dict(
    moe=None,
    llm=dict(lora=dict(r=128, lora_alpha=256, lora_dropout=0.05)),
    freeze=('vision', ))
