# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's pretraining: 8 000 steps of 128 samples, AdamW 2e-5, cosine to zero
# (paper, appendix B). Weight decay on every parameter, clipping and bf16:
# released scripts. Warm-up of 3 %: our choice, the paper names none.
max_iters = 8000
warmup_iters = 240
train_cfg = dict(
    type='TokenWeightedTrainLoop',
    max_iters=max_iters,
    # 8 GPUs x 4 samples x 4 micro-batches; the loop derives the last number.
    global_batch_size=128)
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='bfloat16',
    optimizer=dict(
        type='AdamW',
        lr=2e-5,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.01),
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
