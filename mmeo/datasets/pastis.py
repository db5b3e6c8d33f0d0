# Copyright (c) mmeo contributors. All rights reserved.
"""PASTIS-R and PASTIS-HD: crops from a year of Sentinel-2 and Sentinel-1."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Union

from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATASETS

from .frame_dates import day_of_year
from .series_seg import SeriesSegDataset

# Official colour map, as shares of 1 times 255.
_PALETTE = [[0, 0, 0], [174, 199, 232], [255, 127, 14], [255, 187, 120],
            [44, 160, 44], [152, 223, 138], [214, 39, 40], [255, 152, 150],
            [148, 103, 189], [197, 176, 213], [140, 86, 75], [196, 156, 148],
            [227, 119, 194], [247, 182, 210], [127, 127, 127],
            [199, 199, 199], [188, 189, 34], [219, 219, 141], [23, 190, 207]]


@DATASETS.register_module()
class PASTISDataset(SeriesSegDataset):
    """Patches of 128 x 128 px at 10 m, as they are unpacked.

    Sentinel-2 has 10 bands in the order of the backbone (-10000: no data);
    Sentinel-1 has VV, VH and their difference in dB, of which two are read;
    'hr' is the SPOT 6/7 image of PASTIS-HD, 1 m, whose day is unknown. Class
    19 in the files, void, is to be ignored: ``value_map={19: 255}``.

    Args:
        folds (Sequence[int]): Official folds 1 to 5. Defaults to all.
        modalities (Sequence[str]): Of 'hr', 's2', 's1'. Defaults to all.
        optional (Sequence[str]): Sensors that a patch may lack. Defaults to
            ('hr', ): PASTIS-R is PASTIS-HD without it.
        orbit (str): 'S1A', ascending, or 'S1D', descending. Defaults to
            'S1A'.
        spot (str): Path of the SPOT image, with ``{id}``, below
            ``data_root``.
        **kwargs: As for mmseg's ``BaseSegDataset``.

    Raises:
        ConfigError: If a fold or the orbit is none.
        MissingDataError: If files are absent.
        DataError: If the metadata are not those of PASTIS.
    """

    METAINFO = dict(
        classes=('background', 'meadow', 'soft winter wheat', 'corn',
                 'winter barley', 'winter rapeseed', 'spring barley',
                 'sunflower', 'grapevine', 'beet', 'winter triticale',
                 'winter durum wheat', 'fruits, vegetables, flowers',
                 'potatoes', 'leguminous fodder', 'soybeans', 'orchard',
                 'mixed cereal', 'sorghum'),
        palette=_PALETTE)
    SENSORS = dict(hr='the SPOT image of PASTIS-HD', s2='Sentinel-2',
                   s1='Sentinel-1')
    TREE = ('  {root}/\n'
            '    metadata.geojson\n'
            '    ANNOTATIONS/  TARGET_<id>.npy\n'
            '    DATA_S2/      S2_<id>.npy\n'
            '    DATA_S1A/     S1A_<id>.npy\n'
            '    DATA_SPOT/PASTIS_SPOT6_RVB_1M00_2019/  '
            'SPOT6_RVB_1M00_2019_<id>.tif')

    def __init__(self,
                 folds: Sequence[int] = (1, 2, 3, 4, 5),
                 modalities: Sequence[str] = ('hr', 's2', 's1'),
                 optional: Sequence[str] = ('hr', ),
                 orbit: str = 'S1A',
                 spot: str = 'DATA_SPOT/PASTIS_SPOT6_RVB_1M00_2019/'
                 'SPOT6_RVB_1M00_2019_{id}.tif',
                 **kwargs: Any) -> None:
        if not folds or not set(folds) <= {1, 2, 3, 4, 5}:
            raise ConfigError('PASTISDataset: `folds` takes some of 1 to 5, '
                              f'got {folds}')
        if orbit not in ('S1A', 'S1D'):
            raise ConfigError("PASTISDataset: `orbit` is 'S1A' or 'S1D', got "
                              f'{orbit!r}')
        self.folds = set(folds)
        self.orbit = orbit
        self.spot = spot
        super().__init__(modalities=modalities, optional=optional, **kwargs)

    def list_samples(self) -> list[dict]:
        """Patches of the chosen folds, by number."""
        path = Path(self.data_root) / 'metadata.geojson'
        if not path.is_file():
            raise self.missing(f'{path} does not exist')
        try:
            patches = [feature['properties'] for feature in
                       json.loads(path.read_text())['features']]
            chosen = [p for p in patches if int(p['Fold']) in self.folds]
            return [self._patch(p) for p in sorted(
                chosen, key=lambda p: int(p['ID_PATCH']))]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f'{path} is not the metadata of PASTIS ({error!r}): each '
                "patch has ID_PATCH, Fold, 'dates-S2' and "
                f"'dates-{self.orbit}' (YYYYMMDD). Download it "
                'again.') from error

    def _patch(self, properties: dict) -> dict:
        number = int(properties['ID_PATCH'])
        root = Path(self.data_root)
        files = {}
        for name, source in (('s2', 'S2'), ('s1', self.orbit)):
            if name in self.modalities:
                files[name] = dict(
                    paths=[str(root / f'DATA_{source}/{source}_{number}.npy')],
                    dates=parse_dates(properties[f'dates-{source}']))
        if 'hr' in self.modalities:
            files['hr'] = dict(
                paths=[str(root / self.spot.format(id=number))], dates=[-1])
        return self.entry(
            str(number), str(root / f'ANNOTATIONS/TARGET_{number}.npy'),
            files, fold=int(properties['Fold']))


def parse_dates(dates: Union[str, dict]) -> list[int]:
    """Days of the year of a patch's frames.

    Args:
        dates: Number of the frame -> YYYYMMDD; some copies hold the same as
            text.

    Returns:
        list[int]: In the order of the frames, 0 to 365.

    Raises:
        ValueError: If an entry is no date.
    """
    if isinstance(dates, str):
        dates = json.loads(dates)
    return [day_of_year(datetime.strptime(str(dates[key]), '%Y%m%d'))
            for key in sorted(dates, key=int)]
