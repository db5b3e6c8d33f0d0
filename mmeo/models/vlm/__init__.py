# Copyright (c) mmeo contributors. All rights reserved.
"""Vision-language models and ViTP's instruction pretraining."""

from .data_preprocessor import VLMDataPreprocessor
from .instruct_vlm import InstructVLM
from .language_model import HFLanguageModel
from .projectors import MLPProjector, PixelShuffleProjector, pixel_shuffle
from .token_drop import VisualTokenDrop, draw_keep_mask, kept_tokens
from .vision_tower import HFVisionTower

__all__ = [
    'HFLanguageModel', 'HFVisionTower', 'InstructVLM', 'MLPProjector',
    'PixelShuffleProjector', 'VLMDataPreprocessor', 'VisualTokenDrop',
    'draw_keep_mask', 'kept_tokens', 'pixel_shuffle'
]
