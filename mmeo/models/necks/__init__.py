# Copyright (c) mmeo contributors. All rights reserved.
from .modality_fpn import ModalityFPN
from .modality_pixel_decoder import ModalityPixelDecoder
from .simple_fpn import SimpleFPN
from .skysense_v1_fusion import SkySenseV1Fusion
from .temporal_fusion import TemporalFusion

__all__ = [
    'ModalityFPN', 'ModalityPixelDecoder', 'SimpleFPN', 'SkySenseV1Fusion',
    'TemporalFusion'
]
