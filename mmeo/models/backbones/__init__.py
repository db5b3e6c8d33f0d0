# Copyright (c) mmeo contributors. All rights reserved.
from .intern_vit import InternViT
from .skysense_v2 import SkySenseV2
from .vit_adapter import ViTAdapter

__all__ = ['InternViT', 'SkySenseV2', 'ViTAdapter']
