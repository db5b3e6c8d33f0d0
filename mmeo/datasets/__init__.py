# Copyright (c) mmeo contributors. All rights reserved.
from mmeo.utils import quiet_imports

with quiet_imports():
    from .bigearthnet import BigEarthNetDataset
    from .change_pair import ChangePairDataset
    from .coco_format import CocoDataset
    from .collate import list_collate
    from .dior import DIORDataset, DIORRDataset
    from .dota import DOTADataset, DOTAv2Dataset
    from .drone_seg import UDD5Dataset, VDDDataset
    from .dynamic_earthnet import DynamicEarthNetDataset
    from .fair1m import FAIR1MDataset
    from .fmow_sentinel import FMoWSentinelDataset
    from .geo_seg import GeoSegDataset
    from .in_context import (
        InContextDataset,
        InContextTestDataset,
        SynthEarthLeavesDataset,
    )
    from .instruct_dataset import InstructDataset
    from .medical import AMOSDataset, BraTSDataset, COVIDQUExDataset
    from .mixture_dataset import MixtureDataset
    from .multi_label import MultiLabelSceneDataset
    from .multi_modal_series import MultiModalSeriesDataset
    from .oriented_voc import OrientedVOCDataset
    from .pastis import PASTISDataset
    from .samplers import LengthBatchSampler, ResumableInfiniteSampler
    from .sar import RSARDataset, SARDet100KDataset, SSDDDataset
    from .scene import SceneDataset
    from .scene_benchmarks import AIDDataset, RESISC45Dataset
    from .seg_benchmarks import (
        ADE20KDataset,
        ISAIDDataset,
        LoveDADataset,
        PotsdamDataset,
        UAVidDataset,
    )
    from .seg_events import (
        C2SFloodDataset,
        ETCIFloodDataset,
        FloodNetDataset,
        GLHWaterDataset,
        GVLMDataset,
    )
    from .seg_sensors import (
        AIRPolSARSegDataset,
        FiveBillionPixelsDataset,
        SPARCSDataset,
    )
    from .sensor_folders import SensorFoldersDataset
    from .subset import SubsetDataset
    from .transforms import *
    from .vaihingen import VaihingenDataset

__all__ = [
    'ADE20KDataset', 'AIDDataset', 'AIRPolSARSegDataset', 'AMOSDataset',
    'BigEarthNetDataset', 'BraTSDataset', 'C2SFloodDataset',
    'COVIDQUExDataset', 'ChangePairDataset', 'CocoDataset', 'DIORDataset',
    'DIORRDataset', 'DOTADataset', 'DOTAv2Dataset', 'DynamicEarthNetDataset',
    'ETCIFloodDataset', 'FAIR1MDataset', 'FMoWSentinelDataset',
    'FiveBillionPixelsDataset', 'FloodNetDataset', 'GLHWaterDataset',
    'GVLMDataset', 'GeoSegDataset', 'ISAIDDataset', 'InContextDataset',
    'InContextTestDataset', 'InstructDataset', 'LengthBatchSampler',
    'LoveDADataset',
    'MixtureDataset', 'MultiLabelSceneDataset', 'MultiModalSeriesDataset',
    'OrientedVOCDataset', 'PASTISDataset', 'PotsdamDataset', 'RESISC45Dataset',
    'RSARDataset', 'ResumableInfiniteSampler', 'SARDet100KDataset',
    'SPARCSDataset', 'SSDDDataset', 'SceneDataset', 'SensorFoldersDataset',
    'SubsetDataset', 'SynthEarthLeavesDataset', 'UAVidDataset',
    'UDD5Dataset', 'VDDDataset', 'VaihingenDataset', 'list_collate'
]
