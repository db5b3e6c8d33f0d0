# Copyright (c) mmeo contributors. All rights reserved.
# Stage 2 with LoRA on the language model in place of experts; the projector is
# trained too, as in rsunivlm-1b_stage2-lora_1e.py. Needs peft. The rank has
# the paper's share of the hidden size, one in seven.
_base_ = './rsunivlm-tiny_stage2-gmoe_synthearth.py'
model = dict(
    moe=None,
    llm=dict(lora=dict(r=18, lora_alpha=36, lora_dropout=0.05)),
    freeze=('vision', ))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
