# Copyright (c) mmeo contributors. All rights reserved.
"""The form in which samples of several sensors travel through a pipeline.

``results['modalities']`` maps the name of a sensor to its series: ``images``
``(T, H, W, C)``, ``dates`` ``(T,)`` int64 (day of the year from 0, -1 if
unknown), ``gsd`` in metres and, where pixels are missing, ``nodata`` ``(T, H,
W)`` bool. A sensor that never saw the place has no entry. After
``MultiModalMultiCrop`` the same stands in each item of ``results['crops']``.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Union

import numpy as np
from mmcv.transforms import BaseTransform

from mmeo.errors import ConfigError

Series = dict


def samples_of(results: dict, name: str) -> list[dict]:
    """The crops of a sample, or the sample itself.

    Raises:
        ConfigError: If there are no modalities yet.
    """
    samples = results.get('crops', [results])
    if any('modalities' not in sample for sample in samples):
        raise ConfigError(f'{name} needs a sample of modalities: put '
                          '`LoadTriplet` (or another loader) before it')
    return samples


def require_raw(series: Series, modality: str, name: str) -> None:
    """Stop if a series was normalised already."""
    if series.get('normalized'):
        raise ConfigError(f'{name} works on physical values: put it before '
                          f'`NormalizeBands` (modality {modality!r})')


class SeriesTransform(BaseTransform):
    """Change the series of some sensors, each crop with draws of its own.

    Args:
        modalities (str or Sequence[str]): Names; absent ones are left out.
        prob (float): Probability of a change. Defaults to 1.
    """

    #: 'raw' before NormalizeBands, 'normalized' after it, 'any'.
    STATE = 'raw'

    def __init__(self,
                 modalities: Union[str, Sequence[str]],
                 prob: float = 1.0) -> None:
        if not 0 <= prob <= 1:
            raise ConfigError(f'{type(self).__name__}: `prob` is a '
                              f'probability, got {prob}')
        self.modalities = (modalities, ) if isinstance(
            modalities, str) else tuple(modalities)
        self.prob = prob

    def transform(self, results: dict) -> dict:
        for sample in samples_of(results, type(self).__name__):
            for name in self.modalities:
                series = sample['modalities'].get(name)
                if series is None:
                    continue
                self._check_state(series, name)
                if self.prob == 1 or np.random.rand() < self.prob:
                    self.change(series)
        return results

    def _check_state(self, series: Series, name: str) -> None:
        if self.STATE == 'raw':
            require_raw(series, name, type(self).__name__)
        elif self.STATE == 'normalized' and not series.get('normalized'):
            raise ConfigError(f'{type(self).__name__} works in standard '
                              'deviations: put it after `NormalizeBands` '
                              f'(modality {name!r})')

    @abstractmethod
    def change(self, series: Series) -> None:
        """Change one series in place."""

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(modalities={self.modalities}, '
                f'prob={self.prob})')
