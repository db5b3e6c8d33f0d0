# Copyright (c) mmeo contributors. All rights reserved.
"""SAM and SAM2 with a few thousand random weights."""

from typing import Any

import torch

from mmeo.models.sam import SAMModel

DECODER = dict(hidden_size=16, mlp_dim=32, num_attention_heads=2,
               iou_head_hidden_dim=16)
CONFIGS = {
    'sam': dict(
        vision_config=dict(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            image_size=128, patch_size=16, window_size=2,
            global_attn_indexes=[1], output_channels=16, num_pos_feats=8),
        prompt_encoder_config=dict(
            hidden_size=16, image_size=128, patch_size=16),
        mask_decoder_config=DECODER),
    'sam2': dict(
        vision_config=dict(
            backbone_config=dict(
                hidden_size=8, image_size=[128, 128],
                blocks_per_stage=[1, 1, 2, 1],
                embed_dim_per_stage=[8, 16, 32, 64],
                num_attention_heads_per_stage=[1, 1, 2, 2],
                window_size_per_stage=[4, 4, 4, 4],
                global_attention_blocks=[3]),
            backbone_channel_list=[64, 32, 16, 8],
            backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
            fpn_hidden_size=16),
        prompt_encoder_config=dict(
            hidden_size=16, image_size=128, patch_size=16),
        mask_decoder_config=DECODER),
}


def make_sam(kind: str, **kwargs: Any) -> SAMModel:
    """A small one whose answers depend on image and prompt."""
    torch.manual_seed(0)
    sam = SAMModel(kind, config=CONFIGS[kind], **kwargs).eval()
    with torch.no_grad():  # transformers draws weights near zero
        for weight in sam.parameters():
            weight.normal_(std=.5)
    return sam
