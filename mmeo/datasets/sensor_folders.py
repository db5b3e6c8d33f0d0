# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures of several sensors in a folder each, paired by file name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mmengine.dataset import BaseDataset

from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import DATASETS

from .checks import require_any, require_files, require_folders
from .samplers.seeded_index import seeded_by


@DATASETS.register_module()
class SensorFoldersDataset(BaseDataset):
    """One date of each sensor, co-registered, e.g. SEN12MS, SEN1-2.

    A sample holds what ``LoadTriplet`` reads: ``place`` (the name without
    suffix), ``frames`` (sensor to one file), ``ratios``, ``registration``.
    Files of the first sensor of ``data_prefix`` are listed, in its folder and
    below; each must have its counterparts.

    Args:
        data_root (str): Defaults to ''.
        data_prefix (dict[str, str]): Sensor to its folder.
        suffix (str or dict[str, str]): Ending of the files, of all sensors
            or of each. Defaults to '.tif'.
        contains (str): Part of the path that files of the first sensor have,
            where one folder holds all sensors. Defaults to '', any.
        replace (dict[str, dict[str, str]], optional): Sensor to what changes
            in the first sensor's path below its folder: ``dict(s1={'s2_':
            's1_'})``. Defaults to None, equal names.
        ann_file (str): List of names, one a line, with or without suffix.
            Defaults to '', all.
        ratios (dict[str, int], optional): Sensor to its pixels along one of
            the coarsest sensor's. Defaults to 1 each.
        registration (str): 'geo' compares CRS and transform; 'size' only
            sizes, for images without georeference. Defaults to 'geo'.
        prepare (str, optional): Command that makes the data, for messages.
        **kwargs: Of mmengine's ``BaseDataset``.

    Raises:
        ConfigError: If an argument does not fit.
        MissingDataError: If a folder, the list or a counterpart is absent.
        DataError: If there is no file.
    """

    METAINFO = dict(task='sensor pairs')

    def __init__(self,
                 data_root: str = '',
                 data_prefix: Optional[Mapping[str, str]] = None,
                 suffix: Union[str, Mapping[str, str]] = '.tif',
                 contains: str = '',
                 replace: Optional[Mapping[str, Mapping[str, str]]] = None,
                 ann_file: str = '',
                 ratios: Optional[Mapping[str, int]] = None,
                 registration: str = 'geo',
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        sensors = list(data_prefix or {})
        if len(sensors) < 2:
            raise ConfigError('SensorFoldersDataset: `data_prefix` names the '
                              f'folders of two sensors or more, got {sensors}')
        if registration not in ('geo', 'size'):
            raise ConfigError("SensorFoldersDataset: `registration` is 'geo' "
                              f"or 'size', got {registration!r}")
        unknown = {*(replace or {}), *(ratios or {})} - set(sensors)
        if unknown:
            raise ConfigError('SensorFoldersDataset: `replace` and `ratios` '
                              f'name {sorted(unknown)}, `data_prefix` has '
                              f'{sensors}')
        self.suffix = {name: suffix if isinstance(suffix, str) else
                       suffix[name] for name in sensors}
        self.contains = contains
        self.replace = dict(replace or {})
        self.ratios = dict.fromkeys(sensors, 1) | dict(ratios or {})
        self.registration = registration
        self.prepare = prepare
        super().__init__(ann_file=ann_file, data_root=data_root,
                         data_prefix=dict(data_prefix), **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the files and check that each has its counterparts.

        Returns:
            list[dict]: One dict per place.
        """
        name = type(self).__name__
        require_folders(name, self.data_prefix, self._tree(), self.prepare)
        first = next(iter(self.suffix))
        stems = self._names(first)
        require_any(name, stems, self.data_prefix[first], self.suffix[first])
        files = {sensor: [self._path(sensor, stem) for stem in stems]
                 for sensor in self.suffix}
        for sensor, paths in files.items():
            require_files(
                name, list(zip(files[first], paths)), f'image of {sensor!r}',
                'Add it, correct `replace` or `suffix`, or list in `ann_file` '
                'the names that are whole.')
        return [dict(
            place=stem, registration=self.registration,
            frames={sensor: [(paths[i], None)]
                    for sensor, paths in files.items()})
            for i, stem in enumerate(stems)]

    def get_data_info(self, idx: int) -> dict:
        """The files of a place, with what the loader has to know."""
        info = super().get_data_info(idx)
        info['ratios'] = dict(self.ratios)
        return info

    def __getitem__(self, idx: int) -> Any:
        """Pair ``idx`` through the pipeline; never another one."""
        with seeded_by(idx):
            data = self.prepare_data(idx)
        if data is None:
            raise DataError('a transform returned nothing for '
                            f'{self.get_data_info(idx)["place"]}')
        return data

    def _names(self, first: str) -> list[str]:
        """Paths below the first sensor's folder, without suffix, sorted."""
        suffix = self.suffix[first]
        if self.ann_file:
            return self._read_list(Path(self.ann_file), suffix)
        root = Path(self.data_prefix[first])
        return sorted(
            name.removesuffix(suffix) for path in root.rglob(f'*{suffix}')
            if self.contains in (name := path.relative_to(root).as_posix()))

    def _read_list(self, path: Path, suffix: str) -> Sequence[str]:
        if not path.is_file():
            raise MissingDataError(f'{type(self).__name__}: the list {path} '
                                   '(`ann_file`) does not exist')
        lines = (line.strip() for line in path.read_text().splitlines())
        return [line.removesuffix(suffix) for line in lines if line]

    def _path(self, sensor: str, stem: str) -> str:
        for old, new in self.replace.get(sensor, {}).items():
            stem = stem.replace(old, new)
        return str(Path(self.data_prefix[sensor], stem + self.suffix[sensor]))

    def _tree(self) -> str:
        root = self.data_root or '.'
        lines = [f'    {folder}/  NAME{self.suffix[sensor]}  '
                 f'(data_prefix.{sensor})'
                 for sensor, folder in self.data_prefix.items()]
        return '\n'.join([f'  {root}/', *lines])
