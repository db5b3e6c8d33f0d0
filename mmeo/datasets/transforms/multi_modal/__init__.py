# Copyright (c) mmeo contributors. All rights reserved.
from .align_views import AlignViews, GainJitter, PackAlignInputs
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
from .render_optical import RenderOptical
from .spectral import BandJitter, RandomBandDrop, Speckle

__all__ = [
    'AlignViews', 'BandJitter', 'DateJitter', 'GainJitter', 'HRBlur',
    'HRColorJitter', 'HRGrayscale', 'HRSolarize', 'LoadModalities',
    'LoadTriplet', 'MultiModalMultiCrop', 'MultiModalRandomCrop',
    'MultiModalRandomFlip', 'MultiModalResize', 'PackAlignInputs',
    'PackMultiModalCrops', 'PackMultiModalInputs', 'RandomBandDrop',
    'RenderOptical', 'SampleFrames', 'Speckle'
]
