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
from .normalize_bands import NormalizeBands
from .pack_dialogue import PackDialogue

__all__ = [
    'Corrupt', 'DynamicTiling', 'ExchangeTime', 'ForEachDate',
    'LoadChangePair', 'LoadDialogueImages', 'LoadGeoAnnotations', 'LoadImage',
    'LoadRaster', 'LoadSeriesAnnotations', 'LoadSeriesFiles', 'NormalizeBands',
    'PackChangeInputs', 'PackDialogue', 'RandomRotFlip'
]
