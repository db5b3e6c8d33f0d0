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
from .ms_deform_attn import MSDeformAttention, reference_points
from .norm import LayerNorm2d
from .products import linear, plain_scaled_linear, product, scaled_linear
from .transformer_block import MLP, TransformerBlock

__all__ = [
    'MLP', 'ConvFFN', 'Extractor', 'Injector', 'Interaction', 'LayerNorm2d',
    'MSDeformAttention', 'SelfAttention', 'SpatialPriorModule',
    'TransformerBlock', 'double_pixels', 'eager_attention', 'fused_attention',
    'linear', 'maybe_checkpoint', 'plain_scaled_linear', 'product',
    'project_pixels', 'reference_points', 'scaled_linear'
]
