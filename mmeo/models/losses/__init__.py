# Copyright (c) mmeo contributors. All rights reserved.
from .dino_contrast import DINOContrast, PrototypeHead
from .info_nce import EmbeddingHead, InfoNCE
from .koleo import koleo_loss
from .pair_contrast import pair_contrast
from .ranks import gather_rows, mean_over_ranks

__all__ = [
    'DINOContrast', 'EmbeddingHead', 'InfoNCE', 'PrototypeHead',
    'gather_rows', 'koleo_loss', 'mean_over_ranks', 'pair_contrast'
]
