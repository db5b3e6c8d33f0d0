# Copyright (c) mmeo contributors. All rights reserved.
"""Normalisation of any number of bands, of one image or several sensors."""

from collections.abc import Mapping
from typing import Any, Optional, Union

from mmcv.transforms import BaseTransform

from mmeo.datasets.band_norm import BandNorm
from mmeo.errors import ConfigError
from mmeo.registry import TRANSFORMS

from .multi_modal.samples import require_raw, samples_of


@TRANSFORMS.register_module()
class NormalizeBands(BaseTransform):
    """Standardise each band: ``(x - mean) / std``, with a check of units.

    One image::

        dict(type='NormalizeBands', preset='s2')
        dict(type='NormalizeBands', mean=[...], std=[...], unit='db')

    All sensors of a place, by the presets of their names, some by others::

        dict(type='NormalizeBands')
        dict(type='NormalizeBands', modalities=dict(
            hr='planet', s1=dict(preset='s1', unit='linear'),
            s2=dict(preset='s2', offset=-1000)))

    Pixels without data become 0, the mean; NaN elsewhere is an error. RGB
    pictures are normalised by the model's data preprocessor instead.

    Required keys: ``img`` ``(H, W, C)`` (and ``nodata_mask``, if any), or
    ``modalities``, or ``crops`` with ``modalities``. Modified keys: these.

    Args:
        mean (list[float], optional): Per band, in ``stats_unit``.
        std (list[float], optional): Per band, positive.
        clip (tuple[float, float], optional): Range of the result, in standard
            deviations. Defaults to None.
        modalities (dict, optional): Sensor -> name of a preset, or arguments
            of :class:`~mmeo.datasets.band_norm.BandNorm`. Sensors that are
            not named take the preset of their own name.
        **kwargs: ``preset``, ``bands``, ``unit``, ``stats_unit``, ``offset``
            of :class:`~mmeo.datasets.band_norm.BandNorm`, for one image.

    Raises:
        ConfigError: If the arguments do not fit together.
        DataError: If the data are in another unit, with what was found and
            the fix.
    """

    def __init__(self,
                 mean: Optional[list[float]] = None,
                 std: Optional[list[float]] = None,
                 clip: Optional[tuple[float, float]] = None,
                 modalities: Optional[Mapping[str, Union[str, dict]]] = None,
                 **kwargs: Any) -> None:
        self.norm: Optional[BandNorm] = None
        self.modalities: dict[str, BandNorm] = {}
        self.clip = clip
        single = mean is not None or std is not None or kwargs
        if single and modalities is not None:
            raise ConfigError('NormalizeBands: `modalities` holds the '
                              'settings of each sensor; give no others')
        if single:
            self.norm = BandNorm(mean, std, clip=clip, **kwargs)
        for name, cfg in (modalities or {}).items():
            cfg = dict(preset=cfg) if isinstance(cfg, str) else dict(cfg)
            self.modalities[name] = BandNorm(**dict(dict(clip=clip), **cfg))

    def transform(self, results: dict) -> dict:
        if self.norm is not None:
            return self._transform_image(results)
        for sample in samples_of(results, 'NormalizeBands'):
            for name, series in sample['modalities'].items():
                require_raw(series, name, 'NormalizeBands')
                if name not in self.modalities:
                    self.modalities[name] = BandNorm(
                        preset=name, clip=self.clip)
                series['images'] = self.modalities[name](
                    series['images'], series.pop('nodata', None),
                    f'{results.get("place", "sample")}, modality {name!r}')
                series['normalized'] = True
        return results

    def _transform_image(self, results: dict) -> dict:
        if 'img' not in results:
            raise ConfigError(
                'NormalizeBands: settings of one image meet a sample of '
                'several sensors; give them in `modalities=dict(NAME=...)`')
        mask = results.get('nodata_mask')
        if mask is not None and mask.shape != results['img'].shape[:2]:
            if mask.any():
                raise ConfigError(
                    f'{results.get("img_path", "image")}: the image was cut '
                    'or resized, and its pixels without data were not: put '
                    '`NormalizeBands` right behind the loader')
            mask = None
        results['img'] = self.norm(
            results['img'], mask, str(results.get('img_path', 'image')))
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}({self.norm or ""}'
                f'{self.modalities or ""})')
