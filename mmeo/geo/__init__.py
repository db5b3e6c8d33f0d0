# Copyright (c) mmeo contributors. All rights reserved.
from .raster import is_remote, open_raster, resolve_bands

__all__ = ['is_remote', 'open_raster', 'resolve_bands']
