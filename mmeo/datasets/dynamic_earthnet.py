# Copyright (c) mmeo contributors. All rights reserved.
"""DynamicEarthNet: land cover of 75 areas in each month of two years."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATASETS

from .frame_dates import day_of_year
from .series_seg import SeriesSegDataset, month_number

COLUMNS = ('aoi', 'month', 'label', 'planet', 's2', 's1')


@DATASETS.register_module()
class DynamicEarthNetDataset(SeriesSegDataset):
    """Labelled months, from the lists that the converter writes.

    A sample is an area in a month: ``place``, ``month`` ('YYYY-MM'; with both
    ``SCSMetric`` pairs the months of an area), the label, the PlanetFusion
    image of the first of the month ('hr', 3 m) and the monthly composites of
    Sentinel-2 and Sentinel-1. Read one sensor with ``LoadRaster``
    (``img_path`` is its file) or several with ``LoadSeriesFiles``.

    Snow and ice, 6 in the label files, is to be ignored as the authors do:
    ``value_map={6: 255}``.

    Args:
        ann_file (str): List, below ``data_root``.
        modalities (Sequence[str]): Of 'hr', 's2', 's1'. Defaults to ('hr', ).
        months (int): Composites of Sentinel-2 and Sentinel-1 per sample: the
            labelled month and those before it. Defaults to 1 (our choice).
        optional (Sequence[str]): Sensors that a sample may lack; some
            composites do not exist. Defaults to ().
        skip_without (Sequence[str]): Leave out samples that lack one of
            these sensors; how many is logged. Defaults to ().
        label_dir (str): Folder of the labels, below ``data_root``.
        **kwargs: As for :class:`SeriesSegDataset`.

    Raises:
        MissingDataError: If the list or files are absent.
        DataError: If the list is none of the converter's.
    """

    METAINFO = dict(
        classes=('impervious surface', 'agriculture',
                 'forest and other vegetation', 'wetlands', 'soil', 'water'),
        palette=[[96, 96, 96], [204, 204, 0], [0, 204, 0], [0, 0, 153],
                 [153, 76, 0], [0, 128, 255]])
    SENSORS = dict(hr='the PlanetFusion image of the first of the month',
                   s2='the Sentinel-2 composite',
                   s1='the Sentinel-1 composite')
    TREE = ('  {root}/\n'
            '    planet/<zone>/<range>/<area>/PF-SR/YYYY-MM-DD.tif\n'
            '    sentinel2/<area>/<area>_YYYY_MM.tif\n'
            '    sentinel1/<area>/<area>_YYYY_MM.tif\n'
            '    mmeo/{{train,val,test}}.csv         (converter)\n'
            '    mmeo/labels/<area>/YYYY-MM.png    (converter)')

    def __init__(self,
                 ann_file: str,
                 modalities: Sequence[str] = ('hr', ),
                 months: int = 1,
                 optional: Sequence[str] = (),
                 skip_without: Sequence[str] = (),
                 label_dir: str = 'mmeo/labels',
                 **kwargs: Any) -> None:
        if months < 1:
            raise ConfigError('DynamicEarthNetDataset: `months` is at least '
                              f'1, got {months}')
        self.months = months
        self.skip_without = tuple(skip_without)
        self.label_dir = label_dir
        super().__init__(ann_file=ann_file, modalities=modalities,
                         optional=optional, **kwargs)

    def list_samples(self) -> list[dict]:
        """Labelled months by area and time."""
        areas: dict[str, dict[int, dict]] = defaultdict(dict)
        for row in self._read_list():
            areas[row['aoi']][month_number(row['month'])] = row
        entries, skipped = [], 0
        for rows in areas.values():
            for month in sorted(rows):
                entry = self._month(rows, month)
                if set(self.skip_without) - set(entry['series_files']):
                    skipped += 1
                    continue
                entries.append(entry)
        if skipped:
            MMLogger.get_current_instance().warning(
                f'DynamicEarthNetDataset: {skipped} of '
                f'{skipped + len(entries)} months left out, which lack one '
                f'of {list(self.skip_without)}')
        return entries

    def _read_list(self) -> list[dict[str, str]]:
        path = Path(self.ann_file)
        if not path.is_file():
            raise self.missing(f'the list {path} (`ann_file`) does not exist')
        with path.open(newline='') as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise DataError(
                    f'{path} has the columns {reader.fieldnames}, expected '
                    f'{list(COLUMNS)}. Write it with '
                    'tools/dataset_converters/dynamicearthnet.py.')
            return list(reader)

    def _month(self, rows: dict[int, dict], month: int) -> dict:
        row = rows[month]
        files = {}
        if row['planet']:
            files['hr'] = self._frames([row], 'planet', 1)
        span = [rows[m] for m in range(month - self.months + 1, month + 1)
                if m in rows]
        for name in ('s2', 's1'):
            frames = self._frames([r for r in span if r[name]], name, 15)
            # The labelled month itself decides whether the sensor is there.
            if row[name]:
                files[name] = frames
        label = Path(self.data_root) / self.label_dir / row['label']
        return self.entry(row['aoi'], str(label), files, month=row['month'])

    def _frames(self, rows: list[dict], column: str, day: int) -> dict:
        """Files of a column; a composite's day is the middle of the month."""
        dates = [datetime(*map(int, r['month'].split('-')), day) for r in rows]
        return dict(
            paths=[str(Path(self.data_root) / r[column]) for r in rows],
            dates=[day_of_year(d) for d in dates])
