# Copyright (c) mmeo contributors. All rights reserved.
from .checkpoint_hook import AtomicCheckpointHook
from .progress_hook import ProgressHook

__all__ = ['AtomicCheckpointHook', 'ProgressHook']
