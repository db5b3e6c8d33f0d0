# Copyright (c) mmeo contributors. All rights reserved.
from .checkpoint_hook import AtomicCheckpointHook
from .progress_hook import ProgressHook
from .step_seed_hook import StepSeedHook
from .visualization_hook import GeoVisualizationHook

__all__ = ['AtomicCheckpointHook', 'GeoVisualizationHook', 'ProgressHook',
           'StepSeedHook']
