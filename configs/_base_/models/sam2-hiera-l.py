# Copyright (c) mmeo contributors. All rights reserved.
# SAM 2.1 Hiera-L in the place of SAM.
_base_ = './sam-vit-h.py'
model = dict(
    sam=dict(
        _delete_=True,
        type='sam2',
        model='facebook/sam2.1-hiera-large',
        config=dict(
            vision_config=dict(
                backbone_config=dict(
                    hidden_size=144,
                    num_attention_heads=2,
                    blocks_per_stage=[2, 6, 36, 4],
                    embed_dim_per_stage=[144, 288, 576, 1152],
                    num_attention_heads_per_stage=[2, 4, 8, 16],
                    window_size_per_stage=[8, 4, 16, 8],
                    global_attention_blocks=[23, 33, 43]),
                backbone_channel_list=[1152, 576, 288, 144]))))
