# Copyright (c) mmeo contributors. All rights reserved.
# InternVL2.5-4B (arXiv 2412.05271): InternViT-300M and Qwen2.5-3B.
_base_ = './internvl2_5-1b.py'
model = dict(
    projector=dict(out_channels=2048),
    llm=dict(
        config=dict(
            hidden_size=2048,
            num_hidden_layers=36,
            num_attention_heads=16,
            num_key_value_heads=2,
            intermediate_size=11008)))
