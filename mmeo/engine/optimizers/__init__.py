# Copyright (c) mmeo contributors. All rights reserved.
from .layer_decay import LayerDecayOptimizerConstructor

__all__ = ['LayerDecayOptimizerConstructor']
