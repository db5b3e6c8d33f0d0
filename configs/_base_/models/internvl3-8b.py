# Copyright (c) mmeo contributors. All rights reserved.
# InternVL3-8B (arXiv 2504.10479): InternViT-300M and Qwen2.5-7B.
_base_ = './internvl2_5-1b.py'
model = dict(
    projector=dict(out_channels=3584),
    llm=dict(
        config=dict(
            hidden_size=3584,
            num_hidden_layers=28,
            num_attention_heads=28,
            num_key_value_heads=4,
            intermediate_size=18944)))
