# Copyright (c) mmeo contributors. All rights reserved.
"""SynthEarth's leaf classes, as label maps for episodes."""

from typing import Any

from mmeo.datasets.geo_seg import GeoSegDataset
from mmeo.datasets.synthetic.classes import LEAVES
from mmeo.registry import DATASETS


@DATASETS.register_module()
class SynthEarthLeavesDataset(GeoSegDataset):
    """SynthEarth's ``incontext`` folders: 44 leaves at 1.2 m; 0 is no data.

    Optical (``optical``) and radar images (``sar``) of the same places share
    their labels (``labels``).
    """

    METAINFO = dict(
        classes=tuple(leaf.name for leaf in LEAVES),
        palette=[list(leaf.colour) for leaf in LEAVES])
    FOLDERS = dict(img_path='optical', seg_map_path='labels')

    def __init__(self,
                 img_suffix: str = '.tif',
                 seg_map_suffix: str = '.tif',
                 reduce_zero_label: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix,
            reduce_zero_label=reduce_zero_label, **kwargs)
