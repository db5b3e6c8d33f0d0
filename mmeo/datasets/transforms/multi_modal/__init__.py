# Copyright (c) mmeo contributors. All rights reserved.
from .colour import HRBlur, HRColorJitter, HRGrayscale, HRSolarize
from .frames import DateJitter, SampleFrames
from .geometry import (
    MultiModalRandomCrop,
    MultiModalRandomFlip,
    MultiModalResize,
)
from .load_modalities import LoadModalities
from .load_triplet import LoadTriplet
from .multi_crop import MultiModalMultiCrop
from .pack import PackMultiModalCrops, PackMultiModalInputs
from .spectral import BandJitter, RandomBandDrop, Speckle

__all__ = [
    'BandJitter', 'DateJitter', 'HRBlur', 'HRColorJitter', 'HRGrayscale',
    'HRSolarize', 'LoadModalities', 'LoadTriplet', 'MultiModalMultiCrop',
    'MultiModalRandomCrop', 'MultiModalRandomFlip', 'MultiModalResize',
    'PackMultiModalCrops', 'PackMultiModalInputs', 'RandomBandDrop',
    'SampleFrames', 'Speckle'
]
