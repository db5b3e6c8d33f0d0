# Copyright (c) mmeo contributors. All rights reserved.
"""Leakage audit: test images that a training set contains."""

from .audit import audit_leakage
from .image_set import ImageSet, read_image_set
from .matching import NearSettings
from .prints import Tiles
from .report import LeakageReport, Pair
from .sheet import pair_sheet

__all__ = [
    'ImageSet', 'LeakageReport', 'NearSettings', 'Pair', 'Tiles',
    'audit_leakage', 'pair_sheet', 'read_image_set'
]
