# Copyright (c) mmeo contributors. All rights reserved.
from .change import (
    ExchangeTime,
    ForEachDate,
    LoadChangePair,
    PackChangeInputs,
    RandomRotFlip,
)
from .corrupt import Corrupt
from .dynamic_tiling import DynamicTiling, LoadDialogueImages
from .load_annotations import LoadGeoAnnotations
from .load_image import LoadImage
from .load_raster import LoadRaster
from .load_series_files import LoadSeriesAnnotations, LoadSeriesFiles
from .multi_modal import (
    BandJitter,
    DateJitter,
    HRBlur,
    HRColorJitter,
    HRGrayscale,
    HRSolarize,
    LoadModalities,
    LoadTriplet,
    MultiModalMultiCrop,
    MultiModalRandomCrop,
    MultiModalRandomFlip,
    MultiModalResize,
    PackMultiModalCrops,
    PackMultiModalInputs,
    RandomBandDrop,
    SampleFrames,
    Speckle,
)
from .normalize_bands import NormalizeBands
from .pack_dialogue import PackDialogue

__all__ = [
    'BandJitter', 'Corrupt', 'DateJitter', 'DynamicTiling', 'ExchangeTime',
    'ForEachDate', 'HRBlur', 'HRColorJitter', 'HRGrayscale', 'HRSolarize',
    'LoadChangePair', 'LoadDialogueImages', 'LoadGeoAnnotations',
    'LoadImage', 'LoadModalities', 'LoadRaster', 'LoadSeriesAnnotations',
    'LoadSeriesFiles',
    'LoadTriplet', 'MultiModalMultiCrop', 'MultiModalRandomCrop',
    'MultiModalRandomFlip', 'MultiModalResize', 'NormalizeBands',
    'PackChangeInputs', 'PackDialogue', 'PackMultiModalCrops',
    'PackMultiModalInputs', 'RandomBandDrop', 'RandomRotFlip',
    'SampleFrames', 'Speckle'
]
