# Copyright (c) mmeo contributors. All rights reserved.
"""Co-registered files of several sensors as one sample, one date each."""

from collections.abc import Mapping
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform

from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS
from mmeo.structures.modality import UNKNOWN_DATE

from .load_triplet import NOMINAL_GSD


@TRANSFORMS.register_module()
class LoadModalities(BaseTransform):
    """Load one image of each sensor with a loader of its own.

    For data sets with a file per sensor instead of a folder per place, e.g.
    Sen1Floods11 in ``GeoSegDataset``::

        dict(type='LoadModalities', loaders=dict(
            s2=dict(type='LoadRaster', nodata=0,
                    bands=[2, 3, 4, 5, 6, 7, 8, 9, 12, 13]),
            s1=dict(type='LoadRaster', path_replace={
                'S2Hand': 'S1Hand', '/S2/': '/S1/'})))

    An image without any data is left out, as if that sensor had not seen the
    place.

    Required keys: those of the loaders. Added keys: those of the first one
    but ``img``, and ``modalities`` (see
    :mod:`~mmeo.datasets.transforms.multi_modal.samples`), dates unknown.

    Args:
        loaders (dict[str, dict]): Sensor to ``LoadRaster`` or ``LoadImage``.
        gsd (dict[str, float], optional): Sensor to metres of a pixel.
            Defaults to 0.3 for ``hr``, 10 for ``s2`` and ``s1``.

    Raises:
        DataError: If no image holds data.
    """

    def __init__(self, loaders: Mapping[str, dict],
                 gsd: Optional[Mapping[str, float]] = None) -> None:
        if not loaders:
            raise ConfigError('LoadModalities: give a loader of each sensor')
        self.loaders = {name: TRANSFORMS.build(cfg)
                        for name, cfg in loaders.items()}
        self.gsd = dict(NOMINAL_GSD, **(gsd or {}))

    def transform(self, results: dict) -> dict:
        modalities, first = {}, None
        for name, loader in self.loaders.items():
            loaded = loader(dict(results))
            first = first or loaded
            series = dict(images=loaded['img'][None],
                          dates=np.array([UNKNOWN_DATE], dtype=np.int64),
                          gsd=self.gsd.get(name))
            missing = loaded.get('nodata_mask')
            if missing is not None and missing.all():
                continue
            if missing is not None and missing.any():
                series['nodata'] = missing[None]
            modalities[name] = series
        if not modalities:
            raise DataError(f'{first.get("img_path")}: no image of '
                            f'{", ".join(self.loaders)} holds data. Remove '
                            'the sample.')
        results.update({key: value for key, value in first.items()
                        if key != 'img'}, modalities=modalities)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.loaders})'
