# Copyright (c) mmeo contributors. All rights reserved.
"""Vision-language models: ViTP's instruction pretraining, RSUniVLM."""

from .data_preprocessor import VLMDataPreprocessor
from .granularity_moe import GranularityFFN, GranularityMoE
from .instruct_vlm import InstructVLM
from .language_model import HFLanguageModel
from .lora import add_lora, lora_layers, merge_lora
from .projectors import MLPProjector, PixelShuffleProjector, pixel_shuffle
from .token_drop import VisualTokenDrop, draw_keep_mask, kept_tokens
from .token_moe import TokenMoE, TokenMoEFFN
from .two_turn import TwoTurnChange
from .vision_tower import HFVisionTower

__all__ = [
    'GranularityFFN', 'GranularityMoE', 'HFLanguageModel', 'HFVisionTower',
    'InstructVLM', 'MLPProjector', 'PixelShuffleProjector', 'TokenMoE',
    'TokenMoEFFN', 'TwoTurnChange', 'VLMDataPreprocessor',
    'VisualTokenDrop', 'add_lora', 'draw_keep_mask', 'kept_tokens',
    'lora_layers', 'merge_lora', 'pixel_shuffle'
]
