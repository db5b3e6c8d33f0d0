# Copyright (c) mmeo contributors. All rights reserved.
from mmeo.utils import quiet_imports

with quiet_imports():
    from .change_pair import ChangePairDataset
    from .dota import DOTADataset
    from .geo_seg import GeoSegDataset, LoveDADataset
    from .instruct_dataset import InstructDataset
    from .mixture_dataset import MixtureDataset
    from .transforms import *

__all__ = [
    'ChangePairDataset', 'DOTADataset', 'GeoSegDataset', 'InstructDataset',
    'LoveDADataset', 'MixtureDataset'
]
