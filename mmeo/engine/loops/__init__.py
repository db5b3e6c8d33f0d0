# Copyright (c) mmeo contributors. All rights reserved.
from .token_weighted_loop import TokenWeightedTrainLoop

__all__ = ['TokenWeightedTrainLoop']
