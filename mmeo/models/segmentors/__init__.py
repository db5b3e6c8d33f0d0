# Copyright (c) mmeo contributors. All rights reserved.
from .change_data_preprocessor import ChangeDataPreProcessor
from .multi_modal_data_preprocessor import MultiModalDataPreprocessor
from .multi_modal_segmentor import MultiModalSegmentor
from .siamese_encoder_decoder import SiameseEncoderDecoder

__all__ = [
    'ChangeDataPreProcessor', 'MultiModalDataPreprocessor',
    'MultiModalSegmentor', 'SiameseEncoderDecoder'
]
