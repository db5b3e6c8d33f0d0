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
from .episode import EpisodeCrop, PackEpisode
from .image_views import ImageViews
from .keep_in_memory import KeepInMemory
from .load_annotations import LoadGeoAnnotations
from .load_image import LoadImage
from .load_raster import LoadRaster
from .load_series_files import LoadSeriesAnnotations, LoadSeriesFiles
from .multi_modal import (
    AlignViews,
    BandJitter,
    DateJitter,
    GainJitter,
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
    PackAlignInputs,
    PackMultiModalCrops,
    PackMultiModalInputs,
    RandomBandDrop,
    RenderOptical,
    SampleFrames,
    Speckle,
)
from .normalize_bands import NormalizeBands
from .pack_dialogue import PackDialogue

__all__ = [
    'AlignViews', 'BandJitter', 'Corrupt', 'DateJitter', 'DynamicTiling',
    'EpisodeCrop', 'ExchangeTime', 'ForEachDate', 'GainJitter', 'HRBlur',
    'HRColorJitter', 'HRGrayscale', 'HRSolarize', 'ImageViews',
    'KeepInMemory',
    'LoadChangePair', 'LoadDialogueImages', 'LoadGeoAnnotations', 'LoadImage',
    'LoadModalities', 'LoadRaster', 'LoadSeriesAnnotations',
    'LoadSeriesFiles', 'LoadTriplet',
    'MultiModalMultiCrop', 'MultiModalRandomCrop', 'MultiModalRandomFlip',
    'MultiModalResize', 'NormalizeBands', 'PackAlignInputs',
    'PackChangeInputs', 'PackDialogue', 'PackEpisode', 'PackMultiModalCrops',
    'PackMultiModalInputs', 'RandomBandDrop', 'RandomRotFlip', 'RenderOptical',
    'SampleFrames', 'Speckle'
]
