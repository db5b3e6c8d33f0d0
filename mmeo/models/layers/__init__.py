# Copyright (c) mmeo contributors. All rights reserved.
from .adapter_layers import (
                             ConvFFN,
                             Extractor,
                             Injector,
                             Interaction,
                             SpatialPriorModule,
)
from .attention import SelfAttention, eager_attention, fused_attention
from .checkpointing import maybe_checkpoint
from .ms_deform_attn import MSDeformAttention, reference_points
from .norm import LayerNorm2d
from .transformer_block import MLP, TransformerBlock

__all__ = [
    'MLP', 'ConvFFN', 'Extractor', 'Injector', 'Interaction', 'LayerNorm2d',
    'MSDeformAttention', 'SelfAttention', 'SpatialPriorModule',
    'TransformerBlock', 'eager_attention', 'fused_attention',
    'maybe_checkpoint', 'reference_points'
]
