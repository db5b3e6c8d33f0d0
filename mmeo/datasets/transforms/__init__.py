# Copyright (c) mmeo contributors. All rights reserved.
from .change import (ExchangeTime, ForEachDate, LoadChangePair,
                     PackChangeInputs)
from .load_annotations import LoadGeoAnnotations
from .load_image import LoadImage
from .load_raster import LoadRaster, NormalizeBands

__all__ = [
    'ExchangeTime', 'ForEachDate', 'LoadChangePair', 'LoadGeoAnnotations',
    'LoadImage', 'LoadRaster', 'NormalizeBands', 'PackChangeInputs'
]
