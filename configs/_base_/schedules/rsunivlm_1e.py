# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM's two stages (arXiv 2412.05679, Table 9): AdamW 1e-5 without weight
# decay, warm-up of 3 %, cosine to zero, one pass. "Batch size 4" is read as 4
# on each of the 4 GPUs, hence 16; the suffix -gb4 is the other reading. Betas
# and clipping: defaults of the LLaVA code, the paper names none. bf16: ours.
# The number of steps is that of Tables 10 and 11, 1 532 000 samples; configs
# derive it from their mixture.
global_batch_size = 16
max_iters = 95750
warmup_iters = 2873
train_cfg = dict(
    type='TokenWeightedTrainLoop',
    max_iters=max_iters,
    global_batch_size=global_batch_size)
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='bfloat16',
    optimizer=dict(
        type='AdamW',
        lr=1e-5,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1 / warmup_iters,
        by_epoch=False,
        begin=0,
        end=warmup_iters),
    dict(
        type='CosineAnnealingLR',
        eta_min=0,
        by_epoch=False,
        begin=warmup_iters,
        end=max_iters),
]
