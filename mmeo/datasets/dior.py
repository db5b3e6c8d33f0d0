# Copyright (c) mmeo contributors. All rights reserved.
"""DIOR and DIOR-R: the same images, two label spaces."""

from mmrotate.datasets import DIORDataset as _DIORRDataset

from mmeo.registry import DATASETS

from .coco_format import CocoDataset
from .oriented_voc import OrientedVOCDataset


@DATASETS.register_module()
class DIORDataset(CocoDataset):
    """DIOR, horizontal boxes as COCO JSON (23 463 images, 20 classes).

    Classes as in the XML files, in alphabetical order but for case. In DIOR-R
    the dam comes after the two expressway classes: the label spaces differ.
    """

    METAINFO = dict(
        classes=('airplane', 'airport', 'baseballfield', 'basketballcourt',
                 'bridge', 'chimney', 'dam', 'Expressway-Service-area',
                 'Expressway-toll-station', 'golffield', 'groundtrackfield',
                 'harbor', 'overpass', 'ship', 'stadium', 'storagetank',
                 'tenniscourt', 'trainstation', 'vehicle', 'windmill'),
        palette=_DIORRDataset.METAINFO['palette'])


@DATASETS.register_module()
class DIORRDataset(OrientedVOCDataset):
    """DIOR-R, oriented boxes as XML (the images of DIOR)."""

    METAINFO = _DIORRDataset.METAINFO
