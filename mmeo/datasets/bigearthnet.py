# Copyright (c) mmeo contributors. All rights reserved.
"""BigEarthNet (version 1): Sentinel-2, Sentinel-1 or both."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Optional, Union

from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATASETS

from .bigearthnet_legend import CLASSES_19, CLASSES_43, CLC_TO_19
from .multi_label import MultiLabelSceneDataset

MODALITIES = ('s2', 's1')
_DATE = re.compile(r'_(\d{4})(\d{2})(\d{2})T\d{5,6}')


def day_of_year(name: str) -> int:
    """Day of the year from 0, of the time in a patch's name.

    >>> day_of_year('S2A_MSIL2A_20170617T113321_36_85')
    167

    Raises:
        DataError: If the name holds no time.
    """
    match = _DATE.search(name)
    if match is None:
        raise DataError(f'{name}: no time of the form _20170617T113321 in '
                        'the name of this patch of BigEarthNet.')
    return date(*map(int, match.groups())).timetuple().tm_yday - 1


@DATASETS.register_module()
class BigEarthNetDataset(MultiLabelSceneDataset):
    """BigEarthNet as ``tools/dataset_converters/bigearthnet.py`` writes it.

    ``s2/*/PATCH.tif`` has the ten bands of SkySense at 10 m (120 px, digital
    numbers of L2A), ``s1/*/PATCH.tif`` VV and VH in dB; ``train.csv``,
    ``val.csv`` and ``test.csv`` hold paths and the labels of CORINE.

    One sensor gives ``img_path``, for ``LoadRaster``. Several also give
    ``series_files``, for ``LoadSeriesFiles``: one frame of each sensor and
    the day of the year, from the name of the patch.

    Args:
        ann_file (str): Defaults to 'train.csv'.
        modalities (str or Sequence[str]): 's2', 's1' or both. Defaults to
            's2'.
        nomenclature (int): 19 or 43 classes, see
            :mod:`mmeo.datasets.bigearthnet_legend`. Defaults to 19.
        empty (str): Patches without any of the 19 classes; 57 in all.
            Defaults to 'drop'.
        **kwargs: As for :class:`MultiLabelSceneDataset`.

    Raises:
        ConfigError: If a sensor or the number of classes is unknown.
        DataError: If a patch was converted without a sensor that is needed.
    """

    METAINFO = dict(classes=CLASSES_19)

    def __init__(self,
                 ann_file: str = 'train.csv',
                 modalities: Union[str, Sequence[str]] = 's2',
                 nomenclature: int = 19,
                 empty: str = 'drop',
                 metainfo: Optional[dict] = None,
                 **kwargs: Any) -> None:
        self.modalities = (modalities, ) if isinstance(modalities, str) \
            else tuple(modalities)
        unknown = sorted(set(self.modalities) - set(MODALITIES))
        if unknown or not self.modalities:
            raise ConfigError(f'BigEarthNetDataset: modalities={modalities!r}'
                              f' must be among {MODALITIES}')
        if nomenclature not in (19, 43):
            raise ConfigError(f'BigEarthNetDataset: nomenclature='
                              f'{nomenclature} must be 19 or 43')
        self.nomenclature = nomenclature
        if nomenclature == 43:
            metainfo = dict(dict(classes=CLASSES_43), **(metainfo or {}))
        super().__init__(ann_file=ann_file, empty=empty, metainfo=metainfo,
                         **kwargs)

    def label_ids(self) -> dict[str, Optional[int]]:
        """Class of each label of CORINE; None if it has no part."""
        ids = self.class_to_idx
        if self.nomenclature == 43:
            return dict(ids)
        return {label: ids[to] if to else None
                for label, to in CLC_TO_19.items()}

    def files_of(self, entry: dict) -> list[str]:
        """One file per sensor."""
        if 'series_files' not in entry:
            return [entry['img_path']]
        return [path for files in entry['series_files'].values()
                for path in files['paths']]

    def _entry(self, row: dict, where: str,
               ids: dict[str, Optional[int]]) -> dict:
        absent = [name for name in self.modalities if not row.get(name)]
        if absent:
            raise DataError(
                f'{where} has no {absent[0]} image (column `{absent[0]}`). '
                'Convert again with the folder of that sensor, or choose '
                'other `modalities`.')
        paths = {name: str(Path(self.img_prefix) / row[name])
                 for name in self.modalities}
        entry = dict(img_path=paths[self.modalities[0]],
                     gt_label=self._labels(row, where, ids))
        if len(paths) > 1:
            entry['place'] = Path(entry['img_path']).stem
            entry['series_files'] = {
                name: dict(paths=[path], dates=[day_of_year(Path(path).stem)])
                for name, path in paths.items()}
        return entry
