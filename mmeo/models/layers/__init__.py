# Copyright (c) mmeo contributors. All rights reserved.
from .adapter_layers import (
                             ConvFFN,
                             Extractor,
                             Injector,
                             Interaction,
                             SpatialPriorModule,
                             double_pixels,
                             project_pixels,
)
from .attention import SelfAttention, eager_attention, fused_attention
from .checkpointing import maybe_checkpoint
from .ground_position import rotary_position, rotate, sincos_position
from .modality_tokens import PromptTokens, Tokenizer
from .moe import MoEFFN
from .moe_dispatch import ExpertList, dispatch, masked_dispatch
from .moe_experts import ExpertMLPs
from .ms_deform_attn import MSDeformAttention, reference_points
from .norm import LayerNorm2d
from .patch_merging import AdaptivePatchMerging
from .precision import no_autocast
from .products import linear, plain_scaled_linear, product, scaled_linear
from .query_attention import QueryAttention
from .sinkhorn import sinkhorn
from .swin_v2_block import SwinV2Block
from .transformer_block import MLP, TransformerBlock
from .window_attention import WindowAttention
from .window_products import eager_window_attention, fused_window_attention
from .window_recompute import recomputed_window_attention

__all__ = [
    'AdaptivePatchMerging', 'ConvFFN', 'ExpertList', 'ExpertMLPs', 'Extractor',
    'Injector', 'Interaction', 'LayerNorm2d', 'MLP', 'MSDeformAttention',
    'MoEFFN', 'PromptTokens', 'QueryAttention', 'SelfAttention',
    'SpatialPriorModule', 'SwinV2Block', 'Tokenizer', 'TransformerBlock',
    'WindowAttention', 'dispatch', 'double_pixels', 'eager_attention',
    'eager_window_attention', 'fused_attention', 'fused_window_attention',
    'linear', 'masked_dispatch', 'maybe_checkpoint', 'no_autocast',
    'plain_scaled_linear', 'product', 'project_pixels',
    'recomputed_window_attention', 'reference_points', 'rotary_position',
    'rotate', 'scaled_linear', 'sincos_position', 'sinkhorn'
]
