# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM, stage 2 with a plain mixture in place of its experts: "MoE" of
# Table 8, eight copies of each feed-forward network and a gate that chooses
# two for each token. 3.09 G parameters stored, 2.51 G trained, 1.21 G at work:
# use it with configs/_base_/strategies/fsdp.py. The table's counts are those
# of rsunivlm-1b_stage2-moe8-narrow_1e.py.
_base_ = './rsunivlm-1b_stage2-gmoe_1e.py'
model = dict(
    moe=dict(_delete_=True, type='TokenMoE', num_experts=8, top_k=2))
custom_hooks = [*_base_.custom_hooks, dict(type='MoEAuxHook')]
