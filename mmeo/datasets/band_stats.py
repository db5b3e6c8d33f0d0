# Copyright (c) mmeo contributors. All rights reserved.
"""What the sensors measure: bands, physical units, mean and deviation."""

from dataclasses import dataclass, replace
from typing import Optional

from mmeo.errors import ConfigError

S2_BANDS = ('B2', 'B3', 'B4', 'B5', 'B6', 'B7', 'B8', 'B8A', 'B11', 'B12')
S2_L1C_BANDS = ('B1', 'B2', 'B3', 'B4', 'B5', 'B6', 'B7', 'B8', 'B8A', 'B9',
                'B10', 'B11', 'B12')
S1_BANDS = ('VV', 'VH')
RGB_BANDS = ('red', 'green', 'blue')


@dataclass(frozen=True)
class BandStats:
    """Normalisation of one sensor.

    Args:
        bands (tuple[str]): Names, in the order of the network's input.
        unit (str): A key of :data:`mmeo.datasets.units.UNITS`: what ``mean``
            and ``std`` are measured in.
        mean (tuple[float]): Per band.
        std (tuple[float]): Per band.
        source (str): Where the numbers come from.
    """

    bands: tuple[str, ...]
    unit: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str

    def select(self, bands: Optional[tuple[str, ...]]) -> 'BandStats':
        """The same for some bands, in the order given.

        Raises:
            ConfigError: If a band is not among them.
        """
        if bands is None:
            return self
        unknown = [band for band in bands if band not in self.bands]
        if unknown:
            raise ConfigError(f'no statistics of band(s) {unknown}; there '
                              f'are those of {list(self.bands)}')
        index = [self.bands.index(band) for band in bands]
        return replace(
            self,
            bands=tuple(bands),
            mean=tuple(self.mean[i] for i in index),
            std=tuple(self.std[i] for i in index))


_RELEASED = ('the public SkySense++ code, lib/datasets/utils/'
             'dataset_colors.py; V2 publishes none')
PRESETS = {
    # ImageNet's, times 255.
    'hr': BandStats(
        RGB_BANDS, '8bit', (123.675, 116.28, 103.53), (58.395, 57.12, 57.375),
        f'ImageNet, as in {_RELEASED}'),
    's2': BandStats(
        S2_BANDS, 'dn',
        (884.30, 1144.16, 1297.47, 1624.91, 2194.64, 2422.21, 2517.76,
         2581.65, 2368.51, 1805.07),
        (1155.15, 1183.63, 1368.11, 1370.27, 1355.55, 1416.51, 1474.79,
         1439.31, 1455.52, 1343.48), _RELEASED),
    's1': BandStats(
        S1_BANDS, 'db', (-12.548, -20.192), (5.257, 5.912), _RELEASED),
    # DynamicEarthNet's PlanetFusion, reflectance x 10000.
    'planet': BandStats(
        RGB_BANDS, 'dn', (1085.29, 944.27, 689.25), (1008.41, 760.96, 631.48),
        f'DynamicEarthNet, in {_RELEASED}'),
}


def preset_stats(name: str) -> BandStats:
    """Statistics by the name of a sensor.

    Raises:
        ConfigError: If there are none of that name.
    """
    if name not in PRESETS:
        raise ConfigError(
            f'no normalisation preset {name!r}; there are '
            f'{", ".join(PRESETS)}. Give `mean`, `std` and `unit`, which '
            '`tools/check_dataset.py FOLDER --norm-report` measures.')
    return PRESETS[name]
