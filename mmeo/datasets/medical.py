# Copyright (c) mmeo contributors. All rights reserved.
"""Legends of medical segmentation benchmarks; the colours are our choice."""

from mmeo.registry import DATASETS

from .geo_seg import GeoSegDataset


@DATASETS.register_module()
class AMOSDataset(GeoSegDataset):
    """AMOS 2022: background and 15 organs, order of its ``dataset.json``."""

    METAINFO = dict(
        classes=('background', 'spleen', 'right_kidney', 'left_kidney',
                 'gall_bladder', 'esophagus', 'liver', 'stomach', 'aorta',
                 'postcava', 'pancreas', 'right_adrenal_gland',
                 'left_adrenal_gland', 'duodenum', 'bladder',
                 'prostate_uterus'),
        palette=[[0, 0, 0], [156, 39, 176], [255, 152, 0], [255, 193, 7],
                 [76, 175, 80], [121, 85, 72], [183, 28, 28], [233, 30, 99],
                 [244, 67, 54], [33, 150, 243], [255, 235, 59],
                 [0, 188, 212], [0, 150, 136], [205, 220, 57],
                 [96, 125, 139], [240, 98, 146]])


@DATASETS.register_module()
class BraTSDataset(GeoSegDataset):
    """BraTS 2021: background and three parts of a tumour.

    The converter writes the enhancing tumour, 4 in the volumes, as 3.
    """

    METAINFO = dict(
        classes=('background', 'necrotic_core', 'edema', 'enhancing_tumor'),
        palette=[[0, 0, 0], [244, 67, 54], [76, 175, 80], [255, 235, 59]])


@DATASETS.register_module()
class COVIDQUExDataset(GeoSegDataset):
    """COVID-QU-Ex: background and infected lung."""

    METAINFO = dict(
        classes=('background', 'infection'),
        palette=[[0, 0, 0], [244, 67, 54]])
