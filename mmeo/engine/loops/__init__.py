# Copyright (c) mmeo contributors. All rights reserved.
from .dialogue_test_loop import DialogueTestLoop
from .token_weighted_loop import TokenWeightedTrainLoop

__all__ = ['DialogueTestLoop', 'TokenWeightedTrainLoop']
