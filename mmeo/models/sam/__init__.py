# Copyright (c) mmeo contributors. All rights reserved.
"""The SAM series of transformers as in-context segmentors, for comparison."""

from .sam_model import SAM_TYPES, SAMModel
from .sam_prompts import SAMPrompt, region_prompts
from .sam_segmentor import SAMPromptSegmentor

__all__ = [
    'SAM_TYPES', 'SAMModel', 'SAMPrompt', 'SAMPromptSegmentor',
    'region_prompts'
]
