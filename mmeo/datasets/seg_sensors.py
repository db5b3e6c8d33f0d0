# Copyright (c) mmeo contributors. All rights reserved.
"""Legends of segmentation benchmarks of other sensors than RGB cameras."""

from typing import Any

from mmeo.registry import DATASETS

from .geo_seg import GeoSegDataset


@DATASETS.register_module()
class FiveBillionPixelsDataset(GeoSegDataset):
    """Five-Billion-Pixels (Gaofen-2): 24 classes; 0 is unlabelled, ignored.

    Names, order and colours of its read-me.
    """

    METAINFO = dict(
        classes=('industrial area', 'paddy field', 'irrigated field',
                 'dry cropland', 'garden land', 'arbor forest',
                 'shrub forest', 'park', 'natural meadow',
                 'artificial meadow', 'river', 'urban residential', 'lake',
                 'pond', 'fish pond', 'snow', 'bareland',
                 'rural residential', 'stadium', 'square', 'road',
                 'overpass', 'railway station', 'airport'),
        palette=[[200, 0, 0], [0, 200, 0], [150, 250, 0], [150, 200, 150],
                 [200, 0, 200], [150, 0, 250], [150, 150, 250],
                 [200, 150, 200], [250, 200, 0], [200, 200, 0], [0, 0, 200],
                 [250, 0, 150], [0, 150, 200], [0, 200, 250],
                 [150, 200, 250], [250, 250, 250], [200, 200, 200],
                 [200, 150, 150], [250, 200, 150], [150, 150, 0],
                 [250, 150, 150], [250, 150, 0], [250, 200, 250],
                 [200, 150, 0]])

    def __init__(self,
                 img_suffix: str = '.tif',
                 reduce_zero_label: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix,
                         reduce_zero_label=reduce_zero_label, **kwargs)


@DATASETS.register_module()
class SPARCSDataset(GeoSegDataset):
    """SPARCS (Landsat 8): clouds, shadows and what is below, 7 classes.

    Ids of the official masks; the colours are our choice. Images and masks
    lie in one folder, as downloaded.
    """

    METAINFO = dict(
        classes=('shadow', 'shadow over water', 'water', 'snow', 'land',
                 'cloud', 'flooded'),
        palette=[[60, 60, 60], [0, 0, 120], [0, 90, 220], [150, 240, 250],
                 [150, 120, 80], [255, 255, 255], [230, 200, 60]])
    FOLDERS = dict(img_path='sending', seg_map_path='sending')

    def __init__(self,
                 img_suffix: str = '_data.tif',
                 seg_map_suffix: str = '_mask.png',
                 **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix,
                         seg_map_suffix=seg_map_suffix, **kwargs)


@DATASETS.register_module()
class AIRPolSARSegDataset(GeoSegDataset):
    """AIR-PolSAR-Seg (Gaofen-3): 6 classes, colours of its labels.

    The converter makes ids of the colours; unlabelled pixels are 255.
    """

    METAINFO = dict(
        classes=('industrial area', 'natural area', 'land use area', 'water',
                 'housing area', 'other area'),
        palette=[[0, 0, 255], [0, 255, 0], [255, 0, 0], [0, 255, 255],
                 [255, 255, 0], [255, 255, 255]])

    def __init__(self, img_suffix: str = '.tif', **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)
