# Copyright (c) mmeo contributors. All rights reserved.
"""Places seen by several sensors, some of them many times."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmeo.datasets.checks import require_folders
from mmeo.datasets.frame_dates import NamePattern
from mmeo.datasets.legend import Legend, read_legend
from mmeo.datasets.samplers.seeded_index import seeded_by
from mmeo.datasets.triplet_scan import (
    LABELS,
    PATTERNS,
    list_places,
    read_regions,
    scan_place,
)
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import DATASETS

_TREE = """  {root}/
    PLACE/
      hr.tif              static RGB image
      s2_YYYYMMDD.tif     one file per Sentinel-2 date
      s1_YYYYMMDD.tif     one file per Sentinel-1 date
      semantics.tif       label raster (optional)"""


@DATASETS.register_module()
class MultiModalSeriesDataset(BaseDataset):
    """A folder per place with GeoTIFFs of each sensor (triplets).

    Any sensor may be missing at a place, and series have any length. Files
    are listed at the start and opened when a sample is read (by
    ``LoadTriplet``), which also checks their co-registration. Ten thousand
    places of 30 files take about two seconds, so the index is not kept in a
    file.

    A sample holds ``place``, ``frames`` (sensor to list of ``(path, day)``),
    ``ratios``, ``registration``, and where there is one ``seg_map_path``
    with ``label_lookup``, with ``regions`` also ``region``.

    Args:
        data_root (str): Defaults to ''.
        data_prefix (dict): ``series``, the folder that holds the places,
            below ``data_root``; ``osm``, a folder of ``PLACE.png`` labels,
            optional. Defaults to ``dict(series='')``.
        ann_file (str): Text file with the names of the places to use, one a
            line. Defaults to '', all.
        patterns (dict[str, str], optional): Sensor to file pattern, see
            :class:`~mmeo.datasets.frame_dates.NamePattern`. Defaults to
            :data:`~mmeo.datasets.triplet_scan.PATTERNS`.
        modalities (Sequence[str], optional): Sensors to use. Defaults to all
            of ``patterns``.
        required (Sequence[str]): Sensors without which a place is left out;
            the log says how many. Defaults to none.
        hr_ratio (int): HR pixels along one pixel of the other sensors.
            Defaults to 32.
        ratios (dict[str, int], optional): The same per sensor, for others
            than ``hr``, ``s2``, ``s1``. Defaults to ``hr_ratio`` for ``hr``
            and 1 for all others.
        registration (str): 'geo' compares CRS and transform; 'size' only
            sizes, for images without georeference. Defaults to 'geo'.
        labels (Sequence[str]): Names of label rasters in the folder of a
            place; the first that exists counts. Defaults to
            :data:`~mmeo.datasets.triplet_scan.LABELS`.
        legend (str, optional): Legend of the labels, below ``data_root``,
            see :func:`~mmeo.datasets.legend.read_legend`. It gives
            ``metainfo['classes']``. Without one no label is read.
        legend_level (int): Level of a class tree. Defaults to -1, leaves.
        regions (str, optional): JSON file below ``data_root``, name of a
            place to the number of its region, for the geo-context of
            :class:`TemporalFusion`; places that it does not name have none,
            and the log says how many have. Defaults to None.
        prepare (str, optional): Command that makes the data, for messages.
        **kwargs: Of mmengine's ``BaseDataset``.

    Raises:
        MissingDataError: If the folder, the list, a place of it or the legend
            is absent.
        DataError: If there is no place with an image, or a file name cannot
            be read.
        ConfigError: If arguments do not fit together, or ``metainfo`` names
            other classes than the legend.
    """

    METAINFO = dict(task='multi-modal series')

    def __init__(self,
                 data_root: str = '',
                 data_prefix: Optional[dict] = None,
                 ann_file: str = '',
                 patterns: Optional[Mapping[str, str]] = None,
                 modalities: Optional[Sequence[str]] = None,
                 required: Sequence[str] = (),
                 hr_ratio: int = 32,
                 ratios: Optional[Mapping[str, int]] = None,
                 registration: str = 'geo',
                 labels: Sequence[str] = LABELS,
                 legend: Optional[str] = None,
                 legend_level: int = -1,
                 regions: Optional[str] = None,
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        patterns = dict(patterns or PATTERNS)
        names = list(patterns if modalities is None else modalities)
        for name in (*names, *required):
            if name not in patterns:
                raise ConfigError(f'MultiModalSeriesDataset: no file pattern '
                                  f'of {name!r} in `patterns`')
        self.patterns = {name: NamePattern(patterns[name]) for name in names}
        self.required = tuple(required)
        self.ratios = {name: hr_ratio if name == 'hr' else 1
                       for name in names} | dict(ratios or {})
        if any(int(r) != r or r < 1 for r in self.ratios.values()):
            raise ConfigError('MultiModalSeriesDataset: `hr_ratio` and '
                              '`ratios` are whole numbers from 1, got '
                              f'{self.ratios}')
        if registration not in ('geo', 'size'):
            raise ConfigError("MultiModalSeriesDataset: `registration` is "
                              f"'geo' or 'size', got {registration!r}")
        self.registration = registration
        self.labels = tuple(labels)
        self.legend_file = legend
        self.legend_level = legend_level
        self.legend: Optional[Legend] = None
        self.regions_file = regions
        self.regions: dict[str, int] = {}
        self.prepare = prepare
        super().__init__(
            ann_file=ann_file, data_root=data_root,
            data_prefix=data_prefix or dict(series=''), **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the files of all places; count what is missing.

        Returns:
            list[dict]: One dict per place.
        """
        name = type(self).__name__
        root = self.data_prefix['series']
        require_folders(name, self.data_prefix, _TREE.format(root=root),
                        self.prepare)
        self._read_legend()
        if self.regions_file is not None:
            self.regions = read_regions(
                Path(self.data_root, self.regions_file))
        self.counts: Counter = Counter()
        places = [info for folder in list_places(root, self._names())
                  if (info := self._read_place(folder))]
        if not places:
            raise DataError(
                f'{name}: no place with an image in {root} '
                f'({self.counts["places left out"]} folders were left out). '
                f'Expected layout:\n{_TREE.format(root=root)}\nCorrect '
                '`data_prefix`, `patterns` or `required`.')
        self._log(len(places))
        return places

    def _names(self) -> Optional[list[str]]:
        if not self.ann_file:
            return None
        path = Path(self.ann_file)
        if not path.is_file():
            raise MissingDataError(f'{type(self).__name__}: the list {path} '
                                   '(`ann_file`) does not exist')
        return [line.strip() for line in path.read_text().splitlines()
                if line.strip()]

    def _read_legend(self) -> None:
        if self.legend_file is None:
            return
        self.legend = read_legend(Path(self.data_root, self.legend_file),
                                  self.legend_level)
        given = self._metainfo.get('classes')
        if given is not None and tuple(given) != self.legend.classes:
            raise ConfigError(
                f'{type(self).__name__}: `metainfo` names the classes '
                f'{list(given)}, the legend {self.legend_file} '
                f'{list(self.legend.classes)}; leave one out, or make them '
                'equal')
        self._metainfo['classes'] = self.legend.classes
        if self.legend.palette:
            self._metainfo.setdefault('palette', self.legend.palette)

    def _read_place(self, folder: str) -> Optional[dict]:
        try:
            frames, label, others = scan_place(folder, self.patterns,
                                               self.labels)
        except FileNotFoundError:
            raise MissingDataError(
                f'{type(self).__name__}: place {folder} of the list '
                f'{self.ann_file} does not exist') from None
        self.counts['other files'] += others
        for sensor in self.patterns:
            self.counts[f'images {sensor}'] += len(frames.get(sensor, ()))
            self.counts[f'without {sensor}'] += sensor not in frames
        if not frames or any(sensor not in frames
                             for sensor in self.required):
            self.counts['places left out'] += 1
            return None
        # Plain tuples: the list is pickled once per place.
        info = dict(place=folder, registration=self.registration, frames={
            sensor: [tuple(frame) for frame in series]
            for sensor, series in frames.items()})
        label = self._osm_label(folder) or label
        if self.legend is not None and label is not None:
            info['seg_map_path'] = label
        self.counts['labels'] += 'seg_map_path' in info
        if Path(folder).name in self.regions:
            info['region'] = self.regions[Path(folder).name]
            self.counts['regions'] += 1
        return info

    def _osm_label(self, folder: str) -> Optional[str]:
        if not self.data_prefix.get('osm'):
            return None
        path = Path(self.data_prefix['osm'], f'{Path(folder).name}.png')
        return str(path) if path.is_file() else None

    def _log(self, num_places: int) -> None:
        counts = ', '.join(f'{kind}: {count}' for kind, count
                           in sorted(self.counts.items()) if count)
        print_log(f'{type(self).__name__}: {num_places} places in '
                  f'{self.data_prefix["series"]} ({counts})', 'current')

    def get_data_info(self, idx: int) -> dict:
        """The files of a place, with what the loader has to know."""
        info = super().get_data_info(idx)
        info['ratios'] = dict(self.ratios)
        if self.legend is not None:
            info['label_lookup'] = self.legend.lookup
        return info

    def __getitem__(self, idx: int) -> Any:
        """Place ``idx`` through the pipeline; never another one."""
        with seeded_by(idx):
            data = self.prepare_data(idx)
        if data is None:
            raise DataError('a transform returned nothing for '
                            f'{self.get_data_info(idx)["place"]}')
        return data
