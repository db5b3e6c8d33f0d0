# Copyright (c) mmeo contributors. All rights reserved.
"""Choose frames of a series and shake their dates."""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
from mmcv.transforms import BaseTransform

from mmeo.errors import ConfigError
from mmeo.registry import TRANSFORMS
from mmeo.structures.modality import UNKNOWN_DATE

from .samples import Series, SeriesTransform, samples_of

DAYS = 366  # of a leap year: 31 December can be day 365


@TRANSFORMS.register_module()
class SampleFrames(BaseTransform):
    """Keep at most so many frames of a series, in order of time.

    Before ``LoadTriplet`` it chooses files, so only those are read; after it
    frames; after ``MultiModalMultiCrop`` frames of each crop on its own. A
    shorter series stays whole. SkySense draws 20 and 10 at random.

    Required keys: ``crops``, ``modalities`` or ``frames``. Modified keys: the
    same.

    Args:
        s2 (int, optional): Defaults to 20.
        s1 (int, optional): Defaults to 10.
        mode (str): 'random', or 'even' for frames spread over the series,
            which draws nothing. Defaults to 'random'.
        **others (int): Further sensors.
    """

    def __init__(self, s2: Optional[int] = 20, s1: Optional[int] = 10,
                 mode: str = 'random', **others: int) -> None:
        self.numbers = {name: number for name, number in dict(
            s2=s2, s1=s1, **others).items() if number is not None}
        if any(number < 1 for number in self.numbers.values()):
            raise ConfigError('SampleFrames: keep at least 1 frame, got '
                              f'{self.numbers}')
        if mode not in ('random', 'even'):
            raise ConfigError("SampleFrames: `mode` is 'random' or 'even', "
                              f'got {mode!r}')
        self.mode = mode

    def transform(self, results: dict) -> dict:
        if 'crops' not in results and 'modalities' not in results and \
                'frames' in results:
            results['frames'] = {
                name: [many[i] for i in self._choose(name, len(many))]
                for name, many in results['frames'].items()}
            return results
        for sample in samples_of(results, 'SampleFrames'):
            for name, series in sample['modalities'].items():
                keep = self._choose(name, len(series['images']))
                if len(keep) < len(series['images']):
                    for key in ('images', 'dates', 'nodata'):
                        if key in series:
                            series[key] = series[key][keep]
        return results

    def _choose(self, name: str, total: int) -> np.ndarray:
        number = self.numbers.get(name, total)
        if total <= number:
            return np.arange(total)
        if self.mode == 'even':
            return ((np.arange(number) + .5) * total / number).astype(int)
        return np.sort(np.random.choice(total, number, replace=False))

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.numbers}, mode={self.mode!r})'


@TRANSFORMS.register_module()
class DateJitter(SeriesTransform):
    """Move the date of each frame by some days.

    SkySense perturbs dates; how far is our choice. The day wraps around the
    end of the year; unknown dates stay unknown.

    Args:
        days (int): Largest move either way. Defaults to 5.
        modalities (str or Sequence[str]): Defaults to ``('s2', 's1')``.
        prob (float): Defaults to 1.
    """

    STATE = 'any'

    def __init__(self, days: int = 5,
                 modalities: Union[str, Sequence[str]] = ('s2', 's1'),
                 prob: float = 1.0) -> None:
        super().__init__(modalities, prob)
        if days < 0:
            raise ConfigError(f'DateJitter: `days` is 0 or more, got {days}')
        self.days = days

    def change(self, series: Series) -> None:
        dates = series['dates']
        moved = (dates + np.random.randint(-self.days, self.days + 1,
                                           dates.shape)) % DAYS
        series['dates'] = np.where(dates == UNKNOWN_DATE, dates, moved)
