# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM in small, stage 1: a dense model learns all tasks from random
# weights, for a CPU. Ours; the paper starts from LLaVA-OneVision and adds
# general-domain data. See projects/rsunivlm_synthearth.
_base_ = [
    '../../_base_/models/rsunivlm_tiny.py',
    '../../_base_/datasets/synthearth_rsunivlm.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    tokenizer=_base_.tokenizer,
    vision=dict(
        _delete_=True,
        type='SigLIPViT',
        arch=dict(embed_dims=128, depth=4, num_heads=4, hidden_dims=384),
        img_size=_base_.image_size,
        patch_size=_base_.patch_size),
    projector=dict(in_channels=128, out_channels=128),
    llm=dict(config=dict(num_hidden_layers=4, intermediate_size=384)),
    generation=dict(max_new_tokens=48),
    task_generation=dict(SEG=dict(max_new_tokens=192)))

# Made by rsunivlm-tiny_align_synthearth.py; `projects/rsunivlm_synthearth/
# run.py run` names each seed's.
load_from = 'work_dirs/rsunivlm_synthearth/align/seed0/iter_240.pth'

max_iters, warmup = 1200, 36
train_cfg = dict(type='TokenWeightedTrainLoop', max_iters=max_iters)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=2e-3, betas=(0.9, 0.98), weight_decay=0.),
    # The table of positions starts at 0.02, as in SigLIP, far below what the
    # patches are; nothing is found on a map without it.
    paramwise_cfg=dict(
        custom_keys={'vision.pos_embed': dict(lr_mult=5.)},
        # Embeddings and output head share their weight.
        bypass_duplicate=True),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1 / warmup,
        by_epoch=False,
        begin=0,
        end=warmup),
    dict(
        type='CosineAnnealingLR',
        eta_min=0,
        by_epoch=False,
        begin=warmup,
        end=max_iters),
]
default_hooks = dict(
    logger=dict(interval=50), checkpoint=dict(interval=500, max_keep_ckpts=1))
log_processor = dict(window_size=50)
