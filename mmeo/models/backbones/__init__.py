# Copyright (c) mmeo contributors. All rights reserved.
from .intern_vit import InternViT
from .modality_encoders import ModalityEncoders
from .multi_modal_encoder import MultiModalEncoder
from .siglip_vit import SigLIPViT
from .skysense_v1 import SkySenseV1
from .skysense_v1_encoders import SkySenseV1Encoders, SkySenseV1MultiModal
from .skysense_v2 import SkySenseV2
from .vit_adapter import ViTAdapter

__all__ = [
    'InternViT', 'ModalityEncoders', 'MultiModalEncoder', 'SigLIPViT',
    'SkySenseV1', 'SkySenseV1Encoders', 'SkySenseV2', 'ViTAdapter'
]
