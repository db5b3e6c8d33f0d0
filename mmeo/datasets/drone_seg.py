# Copyright (c) mmeo contributors. All rights reserved.
"""Legends of segmentation benchmarks that drones have photographed."""

from typing import Any

from mmeo.registry import DATASETS

from .geo_seg import GeoSegDataset


@DATASETS.register_module()
class UDD5Dataset(GeoSegDataset):
    """UDD5: 5 classes; label files hold their ids, nothing is ignored.

    Order and colours of the authors' page; their photographs end in '.JPG'.
    """

    METAINFO = dict(
        classes=('vegetation', 'building', 'road', 'vehicle', 'other'),
        palette=[[107, 142, 35], [102, 102, 156], [128, 64, 128],
                 [0, 0, 142], [0, 0, 0]])

    def __init__(self, img_suffix: str = '.JPG', **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)


@DATASETS.register_module()
class VDDDataset(GeoSegDataset):
    """VDD: 7 classes; label files hold their ids, nothing is ignored.

    Order of the authors' page; colours are those of UDD, water is ours.
    """

    METAINFO = dict(
        classes=('other', 'wall', 'road', 'vegetation', 'vehicle', 'roof',
                 'water'),
        palette=[[0, 0, 0], [102, 102, 156], [128, 64, 128], [107, 142, 35],
                 [0, 0, 142], [70, 70, 70], [0, 96, 255]])

    def __init__(self, img_suffix: str = '.JPG', **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)
