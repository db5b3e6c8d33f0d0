# Copyright (c) mmeo contributors. All rights reserved.
from .checkpoint_hook import AtomicCheckpointHook
from .progress_hook import ProgressHook
from .step_seed_hook import StepSeedHook

__all__ = ['AtomicCheckpointHook', 'ProgressHook', 'StepSeedHook']
