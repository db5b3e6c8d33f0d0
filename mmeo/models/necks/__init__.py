# Copyright (c) mmeo contributors. All rights reserved.
from .simple_fpn import SimpleFPN
from .temporal_fusion import TemporalFusion

__all__ = ['SimpleFPN', 'TemporalFusion']
