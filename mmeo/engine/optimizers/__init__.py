# Copyright (c) mmeo contributors. All rights reserved.
from .autocast_wrapper import AutocastOptimWrapper
from .layer_decay import LayerDecayOptimizerConstructor

__all__ = ['AutocastOptimWrapper', 'LayerDecayOptimizerConstructor']
