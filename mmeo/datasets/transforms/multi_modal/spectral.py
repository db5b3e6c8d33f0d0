# Copyright (c) mmeo contributors. All rights reserved.
"""Augmentation of Sentinel-2 and Sentinel-1 bands. All numbers are ours."""

from collections.abc import Sequence
from typing import Union

import numpy as np

from mmeo.datasets.units import check_unit
from mmeo.errors import ConfigError
from mmeo.registry import TRANSFORMS

from .samples import Series, SeriesTransform

_SENTINELS = ('s2', 's1')


@TRANSFORMS.register_module()
class BandJitter(SeriesTransform):
    """Multiply and shift each band, the same in all frames of a crop.

    After ``NormalizeBands``: ``x * (1 + g) + b``, with ``g`` and ``b``
    uniform for each band. So ``b`` counts in standard deviations and S1, in
    dB, is stretched about its mean.

    Args:
        gain (float): Largest ``|g|``. Defaults to 0.1.
        bias (float): Largest ``|b|``. Defaults to 0.1.
        modalities (str or Sequence[str]): Defaults to ``('s2', 's1')``.
        prob (float): Defaults to 1.
    """

    STATE = 'normalized'

    def __init__(self, gain: float = 0.1, bias: float = 0.1,
                 modalities: Union[str, Sequence[str]] = _SENTINELS,
                 prob: float = 1.0) -> None:
        super().__init__(modalities, prob)
        if gain < 0 or bias < 0:
            raise ConfigError('BandJitter: `gain` and `bias` are 0 or more')
        self.gain = gain
        self.bias = bias

    def change(self, series: Series) -> None:
        bands = series['images'].shape[-1]
        gain, bias = (np.random.uniform(-most, most, bands).astype(np.float32)
                      for most in (self.gain, self.bias))
        series['images'] = series['images'] * (1 + gain) + bias


@TRANSFORMS.register_module()
class RandomBandDrop(SeriesTransform):
    """Replace some bands by their mean, 0 after ``NormalizeBands``.

    Args:
        max_bands (int): Up to so many bands, uniformly from 0, of which at
            least one always stays. Defaults to 2.
        modalities (str or Sequence[str]): Defaults to 's2'.
        prob (float): Defaults to 1.
    """

    STATE = 'normalized'

    def __init__(self, max_bands: int = 2,
                 modalities: Union[str, Sequence[str]] = 's2',
                 prob: float = 1.0) -> None:
        super().__init__(modalities, prob)
        if max_bands < 0:
            raise ConfigError('RandomBandDrop: `max_bands` is 0 or more')
        self.max_bands = max_bands

    def change(self, series: Series) -> None:
        bands = series['images'].shape[-1]
        number = np.random.randint(min(self.max_bands, bands - 1) + 1)
        dropped = np.random.choice(bands, number, replace=False)
        images = series['images'].copy()
        images[..., dropped] = 0
        series['images'] = images


@TRANSFORMS.register_module()
class Speckle(SeriesTransform):
    """Multiply the power of S1 by gamma noise of mean 1, on data in dB.

    Before ``NormalizeBands``. The power falls on average neither up nor down,
    so dB values fall by a little: ``10 log10`` of the noise. Data that are
    not in dB are refused here: with the noise they would look like it.

    Args:
        looks (float): Shape of the gamma law; fewer looks are noisier. The
            data have speckle of 4.4 looks (IW GRD) already. Defaults to 10.
        modalities (str or Sequence[str]): Defaults to 's1'.
        prob (float): Defaults to 0.5.
    """

    STATE = 'raw'

    def __init__(self, looks: float = 10.0,
                 modalities: Union[str, Sequence[str]] = 's1',
                 prob: float = 0.5) -> None:
        super().__init__(modalities, prob)
        if looks <= 0:
            raise ConfigError('Speckle: `looks` must be positive, got '
                              f'{looks}')
        self.looks = looks

    def change(self, series: Series) -> None:
        images = series['images'].astype(np.float32)
        missing = series.get('nodata')
        check_unit(images if missing is None else images[~missing], 'db',
                   f'Speckle, modalities {self.modalities}')
        noise = np.random.gamma(self.looks, 1 / self.looks, images.shape)
        series['images'] = images + 10 * np.log10(
            np.maximum(noise, 1e-6)).astype(np.float32)
