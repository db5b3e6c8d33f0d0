# Copyright (c) mmeo contributors. All rights reserved.
"""Legends of benchmarks of water, floods and landslides."""

from typing import Any

from mmeo.registry import DATASETS

from .geo_seg import GeoSegDataset

_GREY, _BLUE = [110, 110, 110], [0, 90, 220]


@DATASETS.register_module()
class ETCIFloodDataset(GeoSegDataset):
    """ETCI 2021 (Sentinel-1, VV and VH as 8-bit grey values): floods.

    The converter stacks the two polarisations; colours are our choice.
    """

    METAINFO = dict(classes=('background', 'flood'), palette=[_GREY, _BLUE])

    def __init__(self, img_suffix: str = '.tif', **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)


@DATASETS.register_module()
class C2SFloodDataset(GeoSegDataset):
    """Cloud to Street - Microsoft floods, Sentinel-1 part: water.

    VV and VH in dB; 255 in the labels is unlabelled. Colours are our choice.
    """

    METAINFO = dict(classes=('background', 'water'), palette=[_GREY, _BLUE])

    def __init__(self, img_suffix: str = '.tif', **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)


@DATASETS.register_module()
class GLHWaterDataset(GeoSegDataset):
    """GLH-water: surface water in RGB images of 0.3 m, 2 classes.

    Colours are our choice; its masks are drawn in black and white.
    """

    METAINFO = dict(classes=('background', 'water'), palette=[_GREY, _BLUE])


@DATASETS.register_module()
class GVLMDataset(GeoSegDataset):
    """GVLM, images after the event: landslides, 2 classes.

    Colours are our choice; its masks are drawn in black and white.
    """

    METAINFO = dict(classes=('background', 'landslide'),
                    palette=[_GREY, [200, 60, 20]])


@DATASETS.register_module()
class FloodNetDataset(GeoSegDataset):
    """FloodNet (drone images after hurricane Harvey): 10 classes.

    Ids of its label images, in which 0, the background, is a class. Colours
    of its coloured masks.
    """

    METAINFO = dict(
        classes=('background', 'building flooded', 'building non-flooded',
                 'road flooded', 'road non-flooded', 'water', 'tree',
                 'vehicle', 'pool', 'grass'),
        palette=[[0, 0, 0], [255, 0, 0], [180, 120, 120], [160, 150, 20],
                 [140, 140, 140], [61, 230, 250], [0, 82, 255], [255, 0, 245],
                 [255, 235, 0], [4, 250, 7]])

    def __init__(self, img_suffix: str = '.jpg', **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)
