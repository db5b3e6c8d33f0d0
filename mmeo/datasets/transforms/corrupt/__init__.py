# Copyright (c) mmeo contributors. All rights reserved.
from .coco_file import corrupt_coco
from .corrupt import Corrupt, is_geometric
from .severities import APPEARANCE, CORRUPTIONS, GEOMETRIC, SEVERITIES

__all__ = [
    'APPEARANCE', 'CORRUPTIONS', 'Corrupt', 'GEOMETRIC', 'SEVERITIES',
    'corrupt_coco', 'is_geometric'
]
