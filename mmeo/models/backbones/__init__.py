# Copyright (c) mmeo contributors. All rights reserved.
from .intern_vit import InternViT
from .vit_adapter import ViTAdapter

__all__ = ['InternViT', 'ViTAdapter']
