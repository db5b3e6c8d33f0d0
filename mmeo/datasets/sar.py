# Copyright (c) mmeo contributors. All rights reserved.
"""Detection in radar images: SARDet-100K, RSAR and SSDD."""

from collections.abc import Sequence
from typing import Any, Union

from mmeo.registry import DATASETS

from .coco_format import CocoDataset
from .dota import DOTADataset

# SARDet-100K, and RSAR that was made of it, share classes and order.
_SIX = dict(
    classes=('ship', 'aircraft', 'car', 'tank', 'bridge', 'harbor'),
    palette=[(220, 20, 60), (0, 0, 230), (106, 0, 228), (0, 182, 0),
             (200, 182, 0), (0, 182, 200)])


@DATASETS.register_module()
class SARDet100KDataset(CocoDataset):
    """SARDet-100K, horizontal boxes (116 598 images, 6 classes)."""

    METAINFO = _SIX


@DATASETS.register_module()
class RSARDataset(DOTADataset):
    """RSAR, oriented boxes (95 842 images, 6 classes) in DOTA's text form.

    Its folders hold JPEG, PNG and BMP images side by side.
    """

    METAINFO = _SIX

    def __init__(self,
                 img_suffix: Union[str, Sequence[str]] = ('jpg', 'png', 'bmp'),
                 **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)


@DATASETS.register_module()
class SSDDDataset(CocoDataset):
    """SSDD, boxes and polygons of ships (1 160 images)."""

    METAINFO = dict(classes=('ship', ), palette=[(220, 20, 60)])
