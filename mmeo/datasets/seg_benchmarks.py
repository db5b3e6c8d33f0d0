# Copyright (c) mmeo contributors. All rights reserved.
"""Legends of segmentation benchmarks: official class orders and colours."""

from typing import Any

from mmseg.datasets import ADE20KDataset as _ADE20KDataset
from mmseg.datasets import PotsdamDataset as _PotsdamDataset

from mmeo.registry import DATASETS

from .geo_seg import GeoSegDataset


@DATASETS.register_module()
class LoveDADataset(GeoSegDataset):
    """LoveDA legend: 0 no data, 1 background, ..., 7 agriculture.

    mmseg's dataset of this name differs only in its checks. SynthEarth writes
    the same legend.
    """

    METAINFO = dict(
        classes=('background', 'building', 'road', 'water', 'barren',
                 'forest', 'agricultural'),
        palette=[[255, 255, 255], [255, 0, 0], [255, 255, 0], [0, 0, 255],
                 [159, 129, 183], [0, 255, 0], [255, 195, 128]])

    def __init__(self, reduce_zero_label: bool = True, **kwargs: Any) -> None:
        super().__init__(reduce_zero_label=reduce_zero_label, **kwargs)


@DATASETS.register_module()
class ISAIDDataset(GeoSegDataset):
    """iSAID: background (0) and 15 classes, names and colours of its devkit.

    Labels are maps of ids; the converter makes them of the colours.
    """

    METAINFO = dict(
        classes=('background', 'ship', 'storage_tank', 'baseball_diamond',
                 'tennis_court', 'basketball_court', 'Ground_Track_Field',
                 'Bridge', 'Large_Vehicle', 'Small_Vehicle', 'Helicopter',
                 'Swimming_pool', 'Roundabout', 'Soccer_ball_field', 'plane',
                 'Harbor'),
        palette=[[0, 0, 0], [0, 0, 63], [0, 63, 63], [0, 63, 0], [0, 63, 127],
                 [0, 63, 191], [0, 63, 255], [0, 127, 63], [0, 127, 127],
                 [0, 0, 127], [0, 0, 191], [0, 0, 255], [0, 191, 127],
                 [0, 127, 191], [0, 127, 255], [0, 100, 155]])


@DATASETS.register_module()
class UAVidDataset(GeoSegDataset):
    """UAVid: 8 classes, order and colours of its toolkit; clutter counts."""

    METAINFO = dict(
        classes=('clutter', 'building', 'road', 'static_car', 'tree',
                 'vegetation', 'human', 'moving_car'),
        palette=[[0, 0, 0], [128, 0, 0], [128, 64, 128], [192, 0, 192],
                 [0, 128, 0], [128, 128, 0], [64, 64, 0], [64, 0, 128]])


@DATASETS.register_module()
class PotsdamDataset(GeoSegDataset):
    """ISPRS Potsdam: 6 classes; 0 in the label files is ignored.

    Order and colours as in mmseg. Many papers leave clutter out:
    ``metainfo=dict(classes=(...))`` with the other five ignores its pixels.
    """

    METAINFO = dict(_PotsdamDataset.METAINFO)

    def __init__(self, reduce_zero_label: bool = True, **kwargs: Any) -> None:
        super().__init__(reduce_zero_label=reduce_zero_label, **kwargs)


@DATASETS.register_module()
class ADE20KDataset(GeoSegDataset):
    """ADE20K: 150 classes, 0 in the label files is 'other' and ignored."""

    METAINFO = dict(_ADE20KDataset.METAINFO)

    def __init__(self,
                 img_suffix: str = '.jpg',
                 reduce_zero_label: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix,
                         reduce_zero_label=reduce_zero_label, **kwargs)
