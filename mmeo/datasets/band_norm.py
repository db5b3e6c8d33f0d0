# Copyright (c) mmeo contributors. All rights reserved.
"""Standardise the bands of one sensor, after a look at their unit."""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np

from mmeo.datasets.band_stats import preset_stats
from mmeo.datasets.units import CONVERSIONS, check_conversion, check_unit
from mmeo.errors import ConfigError, DataError


class BandNorm:
    """``(x - mean) / std`` of each band.

    Args:
        mean (Sequence[float], optional): Per band. Defaults to the preset's.
        std (Sequence[float], optional): Per band, positive. Defaults to the
            preset's.
        preset (str, optional): Key of
            :data:`mmeo.datasets.band_stats.PRESETS`. Defaults to None.
        bands (Sequence[str], optional): Bands of the preset that the image
            holds, in its order. Defaults to all.
        unit (str, optional): Unit of the *data*. It is checked, and converted
            to that of the statistics where it differs. Defaults to that of
            the preset; without one no check is made.
        stats_unit (str, optional): Unit of ``mean`` and ``std`` where there
            is no preset. Defaults to ``unit``.
        offset (float or Sequence[float]): Added to the data first, e.g.
            -1000 for Sentinel-2 L2A of processing baseline 04.00 or later.
            Defaults to 0.
        clip (tuple[float, float], optional): Range of the result. Defaults to
            None.

    Raises:
        ConfigError: If the numbers do not fit together.
    """

    def __init__(self,
                 mean: Optional[Sequence[float]] = None,
                 std: Optional[Sequence[float]] = None,
                 preset: Optional[str] = None,
                 bands: Optional[Sequence[str]] = None,
                 unit: Optional[str] = None,
                 stats_unit: Optional[str] = None,
                 offset: Union[float, Sequence[float]] = 0.0,
                 clip: Optional[tuple[float, float]] = None) -> None:
        if (preset is None) == (mean is None) or (mean is None) != (
                std is None):
            raise ConfigError('NormalizeBands: give either `preset` or both '
                              '`mean` and `std`')
        if preset is not None:
            stats = preset_stats(preset).select(
                None if bands is None else tuple(bands))
            mean, std, stats_unit = stats.mean, stats.std, stats.unit
        elif bands is not None:
            raise ConfigError('NormalizeBands: `bands` chooses those of a '
                              '`preset`; give none with `mean` and `std`')
        self.mean = np.asarray(mean, dtype=np.float32)
        self.std = np.asarray(std, dtype=np.float32)
        self.unit = unit or stats_unit
        self.stats_unit = stats_unit or unit
        self.offset = np.asarray(offset, dtype=np.float32)
        self.clip = clip
        self._check()

    def _check(self) -> None:
        if self.mean.shape != self.std.shape or self.mean.ndim != 1:
            raise ConfigError(
                'NormalizeBands: `mean` and `std` must be lists of one value '
                f'per band, got {len(np.atleast_1d(self.mean))} and '
                f'{len(np.atleast_1d(self.std))}')
        if (self.std <= 0).any():
            raise ConfigError('NormalizeBands: `std` must be positive, got '
                              f'{self.std.tolist()}')
        if self.offset.ndim and self.offset.shape != self.mean.shape:
            raise ConfigError(f'NormalizeBands: `offset` has '
                              f'{len(self.offset)} values for '
                              f'{len(self.mean)} bands')
        if self.unit is not None:
            check_conversion(self.unit, self.stats_unit)

    def __call__(self, images: np.ndarray, missing: Optional[np.ndarray],
                 what: str) -> np.ndarray:
        """Standardise.

        Args:
            images (ndarray): ``(..., H, W, C)``, any type.
            missing (ndarray, optional): ``(..., H, W)`` bool, True where
                there is no data. Such pixels become 0, the mean.
            what (str): Name of the image, for messages.

        Returns:
            ndarray: float32 of the same shape, finite.

        Raises:
            DataError: On another number of bands, another unit, or NaN in
                pixels that should hold data.
        """
        if images.ndim < 3 or images.shape[-1] != len(self.mean):
            raise DataError(
                f'{what}: image of shape {images.shape} meets NormalizeBands '
                f'with {len(self.mean)} bands. Give one mean and std per '
                'loaded band.')
        none = missing is None or not missing.any()
        if self.unit is not None:
            check_unit(images if none else images[~missing], self.unit, what)
        out = images.astype(np.float32)
        if self.offset.any():
            out += self.offset
        invalid = np.zeros((), bool)
        if self.unit != self.stats_unit:
            before = np.isnan(out)
            out = CONVERSIONS[self.unit, self.stats_unit](out)
            invalid = (np.isnan(out) & ~before).any(-1)
        out -= self.mean
        out /= self.std
        if self.clip is not None:
            np.clip(out, *self.clip, out=out)
        if not none or invalid.any():
            out[invalid if none else missing | invalid] = 0.0
        if not np.isfinite(out).all():
            raise DataError(
                f'{what}: NaN or infinity in pixels that should hold data. '
                'Declare the no-data value in the file (`gdal_edit.py '
                '-a_nodata`) or in the loader (`nodata`).')
        return out

    def __repr__(self) -> str:
        return f'BandNorm(bands={len(self.mean)}, unit={self.unit!r})'
