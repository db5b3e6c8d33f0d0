# Copyright (c) mmeo contributors. All rights reserved.
from .dense_warm_up import DenseWarmUp
from .episode_preprocessor import EpisodePreprocessor
from .granularity import Granularity, GranularitySchedule
from .mask_losses import VITALoss
from .prompt_code import PromptCode
from .vita_decoder import Prediction, VITADecoder
from .vita_former import VITAFormer
from .vita_segmentor import VITASegmentor

__all__ = [
    'DenseWarmUp', 'EpisodePreprocessor', 'Granularity', 'GranularitySchedule',
    'Prediction', 'PromptCode', 'VITADecoder', 'VITAFormer', 'VITALoss',
    'VITASegmentor'
]
