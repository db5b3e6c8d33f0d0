# Copyright (c) mmeo contributors. All rights reserved.
from mmeo.utils import quiet_imports

with quiet_imports():
    from .change_pair import ChangePairDataset
    from .coco_format import CocoDataset
    from .dior import DIORDataset, DIORRDataset
    from .dota import DOTADataset, DOTAv2Dataset
    from .geo_seg import GeoSegDataset
    from .instruct_dataset import InstructDataset
    from .medical import AMOSDataset, BraTSDataset, COVIDQUExDataset
    from .mixture_dataset import MixtureDataset
    from .oriented_voc import OrientedVOCDataset
    from .samplers import ResumableInfiniteSampler
    from .sar import RSARDataset, SARDet100KDataset, SSDDDataset
    from .seg_benchmarks import (
        ADE20KDataset,
        ISAIDDataset,
        LoveDADataset,
        UAVidDataset,
    )
    from .subset import SubsetDataset
    from .transforms import *

__all__ = [
    'ADE20KDataset', 'AMOSDataset', 'BraTSDataset', 'COVIDQUExDataset',
    'ChangePairDataset', 'CocoDataset', 'DIORDataset',
    'DIORRDataset', 'DOTADataset', 'DOTAv2Dataset', 'GeoSegDataset',
    'ISAIDDataset', 'InstructDataset', 'LoveDADataset', 'MixtureDataset',
    'OrientedVOCDataset', 'RSARDataset', 'ResumableInfiniteSampler',
    'SARDet100KDataset', 'SSDDDataset', 'SubsetDataset', 'UAVidDataset'
]
