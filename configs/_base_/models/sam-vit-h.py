# Copyright (c) mmeo contributors. All rights reserved.
# SAM ViT-H, which answers visual prompts that lie on the target itself. It
# brings its own weights, so there is no training part.
model = dict(
    type='SAMPromptSegmentor',
    sam=dict(
        type='sam',
        model='facebook/sam-vit-huge',
        config=dict(
            vision_config=dict(
                hidden_size=1280,
                num_hidden_layers=32,
                num_attention_heads=16,
                global_attn_indexes=[7, 15, 23, 31],
                num_pos_feats=128))),
    # Exact boxes are drawn from masks.
    prompt_kind='box',
    test_cfg=dict(modes=('visual', )))
test_cfg = dict(type='TestLoop')
