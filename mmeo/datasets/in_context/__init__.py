# Copyright (c) mmeo contributors. All rights reserved.
from .dataset import InContextDataset
from .synthearth import SynthEarthLeavesDataset
from .test_dataset import InContextTestDataset

__all__ = ['InContextDataset', 'InContextTestDataset',
           'SynthEarthLeavesDataset']
