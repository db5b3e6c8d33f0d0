# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM, stage 2 (arXiv 2412.05679, sections 3.2, 3.3 and 4.1, Tables 9 and
# 12): three experts start as copies of stage 1's feed-forward networks and
# nothing else is trained; 10 h on 4 A40.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_stage2.py',
    '../../_base_/schedules/rsunivlm_1e.py',
    '../../_base_/rsunivlm_train_runtime.py',
]

model = dict(tokenizer=_base_.tokenizer)
# The last checkpoint of rsunivlm-1b_stage1_1e.py.
load_from = 'work_dirs/rsunivlm-1b_stage1_1e/iter_95750.pth'

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
    dict(type='VLMManifestHook', stage='stage2'),
]
