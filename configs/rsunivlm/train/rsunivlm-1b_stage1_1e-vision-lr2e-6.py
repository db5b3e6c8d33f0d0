# Copyright (c) mmeo contributors. All rights reserved.
# As rsunivlm-1b_stage1_1e-released.py with the learning rate that
# LLaVA-OneVision gives its vision tower, 2e-6; RSUniVLM mentions none.
_base_ = './rsunivlm-1b_stage1_1e-released.py'
optim_wrapper = dict(
    paramwise_cfg=dict(
        # Qwen2's head is its table of embeddings: one parameter, two names.
        bypass_duplicate=True,
        custom_keys={'vision.': dict(lr_mult=0.2)}))
