# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM, stage 1 (arXiv 2412.05679, sections 3.3 and 4.1, Tables 9-11):
# SigLIP, a new projector and Qwen2-0.5B, all of it trained on remote-sensing
# and general dialogues; 20 h on 4 A40.
_base_ = [
    '../../_base_/models/rsunivlm-1b.py',
    '../../_base_/datasets/rsunivlm_stage1.py',
    '../../_base_/schedules/rsunivlm_1e.py',
    '../../_base_/rsunivlm_train_runtime.py',
]

model = dict(tokenizer=_base_.tokenizer)
# The published SigLIP and Qwen2-0.5B, see docs/en/rsunivlm_training.md.
load_from = 'weights/siglip-qwen2-0.5b_mmeo.safetensors'

# One pass over the mixture, rounded up.
max_iters = -(-_base_.num_samples // _base_.global_batch_size)
warmup_iters = -(-3 * max_iters // 100)
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(
        _base_.param_scheduler[0],
        start_factor=1 / warmup_iters,
        end=warmup_iters),
    dict(_base_.param_scheduler[1], begin=warmup_iters, end=max_iters)
]
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='VLMManifestHook', stage='stage1'),
]
