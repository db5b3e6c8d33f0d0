# Copyright (c) mmeo contributors. All rights reserved.
# A plain mixture of eight narrow experts in stage 2
# (rsunivlm-1b_stage2-moe8-narrow_1e.py): grounding on VRSBench-Ref for the row
# "MoE" of Table 8.
_base_ = './rsunivlm-1b_vg_vrsbench.py'

model = dict(
    moe=dict(
        _delete_=True,
        type='TokenMoE',
        num_experts=8,
        top_k=2,
        hidden_dims=1536))
