# Copyright (c) mmeo contributors. All rights reserved.
# Stage 2 with a plain mixture in place of RSUniVLM's experts: eight copies of
# each feed-forward network, two of them for each token.
_base_ = './rsunivlm-tiny_stage2-gmoe_synthearth.py'
model = dict(
    moe=dict(_delete_=True, type='TokenMoE', num_experts=8, top_k=2))
custom_hooks = [*_base_.custom_hooks, dict(type='MoEAuxHook')]
