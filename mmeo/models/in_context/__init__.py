# Copyright (c) mmeo contributors. All rights reserved.
from .mask_losses import VITALoss
from .prompt_code import PromptCode
from .vita_decoder import Prediction, VITADecoder
from .vita_former import VITAFormer
from .vita_segmentor import VITASegmentor

__all__ = [
    'Prediction', 'PromptCode', 'VITADecoder', 'VITAFormer', 'VITALoss',
    'VITASegmentor'
]
