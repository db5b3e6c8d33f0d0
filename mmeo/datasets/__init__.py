# Copyright (c) mmeo contributors. All rights reserved.
from mmeo.utils import quiet_imports

with quiet_imports():
    from .change_pair import ChangePairDataset
    from .dota import DOTADataset
    from .geo_seg import GeoSegDataset
    from .instruct_dataset import InstructDataset
    from .mixture_dataset import MixtureDataset
    from .seg_benchmarks import (
        ADE20KDataset,
        ISAIDDataset,
        LoveDADataset,
        UAVidDataset,
    )
    from .transforms import *

__all__ = [
    'ADE20KDataset', 'ChangePairDataset', 'DOTADataset', 'GeoSegDataset',
    'ISAIDDataset', 'InstructDataset', 'LoveDADataset', 'MixtureDataset',
    'UAVidDataset'
]
