# Copyright (c) mmeo contributors. All rights reserved.
from .dialogue import DialogueSample
from .episode import (
    MODES,
    OTHER_LABEL,
    PROMPT_KINDS,
    EpisodeBatch,
    EpisodeSample,
    ImageGroup,
)
from .image_layout import ImageLayout
from .modality import NO_LABEL, UNKNOWN_DATE, CropBatch, ModalityBatch

__all__ = [
    'CropBatch', 'DialogueSample', 'EpisodeBatch', 'EpisodeSample',
    'ImageGroup', 'ImageLayout', 'MODES', 'ModalityBatch', 'NO_LABEL',
    'OTHER_LABEL', 'PROMPT_KINDS', 'UNKNOWN_DATE'
]
