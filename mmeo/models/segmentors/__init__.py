# Copyright (c) mmeo contributors. All rights reserved.
from .change_data_preprocessor import ChangeDataPreProcessor
from .siamese_encoder_decoder import SiameseEncoderDecoder

__all__ = ['ChangeDataPreProcessor', 'SiameseEncoderDecoder']
