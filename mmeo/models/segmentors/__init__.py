# Copyright (c) mmeo contributors. All rights reserved.
from .siamese_encoder_decoder import SiameseEncoderDecoder

__all__ = ['SiameseEncoderDecoder']
