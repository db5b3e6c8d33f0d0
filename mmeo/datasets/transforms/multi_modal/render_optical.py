# Copyright (c) mmeo contributors. All rights reserved.
"""A picture out of the bands of a multispectral sensor."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from mmeo.datasets.units import check_unit
from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS

from .samples import require_raw, samples_of


@TRANSFORMS.register_module()
class RenderOptical(BaseTransform):
    """Render bands of a multispectral sensor as a picture.

    For encoders of pictures where there is no high-resolution image beside
    SAR: Sentinel-2's red, green and blue, stretched linearly (our choice).

    Required keys: ``modalities``. Modified keys: ``modalities``, of which
    ``source`` goes and ``target`` comes: float32 of 0 to 255.

    Args:
        source (str): Sensor to render. Defaults to 's2'.
        target (str): What the picture is called. Defaults to 'hr'.
        bands (Sequence[int]): Places of red, green and blue among the loaded
            bands. Defaults to (2, 1, 0), B4, B3, B2 of the preset 's2'.
        limits (tuple[float, float]): Digital numbers that become 0 and 255;
            what is darker or brighter is cut, as in a picture. Defaults to
            (0, 3000).

    Raises:
        ConfigError: If the target is there already, or limits are not in
            order.
        DataError: If the source is in another unit, or lacks a band.
    """

    def __init__(self,
                 source: str = 's2',
                 target: str = 'hr',
                 bands: Sequence[int] = (2, 1, 0),
                 limits: tuple[float, float] = (0.0, 3000.0)) -> None:
        if limits[1] <= limits[0]:
            raise ConfigError('RenderOptical: `limits` must rise, got '
                              f'{limits}')
        self.source, self.target = source, target
        self.bands = list(bands)
        self.limits = tuple(limits)

    def transform(self, results: dict) -> dict:
        (sample, ) = samples_of(results, 'RenderOptical')
        modalities = sample['modalities']
        what = (f'{results.get("place", "sample")}, modality '
                f'{self.source!r}')
        if self.target in modalities:
            raise ConfigError(f'RenderOptical: the sample has {self.target!r} '
                              'already: leave the transform out, or load '
                              'without it')
        series = modalities.pop(self.source, None)
        if series is None:
            raise DataError(f'{what}: no image; set `required` of the '
                            'dataset, or remove the place')
        require_raw(series, self.source, 'RenderOptical')
        images, missing = series['images'], series.get('nodata')
        if max(self.bands) >= images.shape[-1]:
            raise DataError(f'{what}: {images.shape[-1]} bands, and `bands` '
                            f'asks for {self.bands}')
        check_unit(images if missing is None else images[~missing], 'dn',
                   what)
        low, high = self.limits
        colours = images[..., self.bands].astype(np.float32)
        colours = np.clip((colours - low) * (255 / (high - low)), 0, 255)
        modalities[self.target] = dict(series, images=colours)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}({self.source!r} -> {self.target!r}, '
                f'bands={self.bands}, limits={self.limits})')
