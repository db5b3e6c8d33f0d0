# Copyright (c) mmeo contributors. All rights reserved.
# InternVL3-2B (arXiv 2504.10479): InternViT-300M and Qwen2.5-1.5B.
_base_ = './internvl2_5-1b.py'
model = dict(
    projector=dict(out_channels=1536),
    llm=dict(
        config=dict(
            hidden_size=1536,
            num_hidden_layers=28,
            num_attention_heads=12,
            num_key_value_heads=2,
            intermediate_size=8960)))
