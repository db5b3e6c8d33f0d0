# Copyright (c) mmeo contributors. All rights reserved.
# As rsunivlm-1b_stage1_1e.py with what the released files show: a start from
# LLaVA-OneVision-Qwen2-0.5B, and the labels of the LLaVA code, which learns
# "\n", "<|im_start|>" and "<|im_end|>" wherever they stand.
_base_ = './rsunivlm-1b_stage1_1e.py'

load_from = 'weights/llava-onevision-qwen2-0.5b_mmeo.safetensors'
train_pipeline = _base_.train_pipeline
train_pipeline[-1].update(supervise='llava_next')
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
