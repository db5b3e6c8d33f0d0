# Copyright (c) mmeo contributors. All rights reserved.
"""Places seen by several sensors, with one label map each."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from mmengine.logging import MMLogger
from mmseg.datasets import BaseSegDataset

from mmeo.errors import ConfigError, DataError, MissingDataError


def month_number(month: str) -> int:
    """Months since year 0 of ``'YYYY-MM'``.

    Raises:
        DataError: If it is none.
    """
    year, _, number = month.partition('-')
    if not (year.isdigit() and number.isdigit() and 1 <= int(number) <= 12):
        raise DataError(f"month {month!r} is not of the form 'YYYY-MM'")
    return 12 * int(year) + int(number) - 1


class SeriesSegDataset(BaseSegDataset):
    """What readers of labelled series share: entries, checks, counts.

    A subclass lists its samples with :meth:`list_samples`. Pixels are loaded
    by ``LoadSeriesFiles``, labels by ``LoadSeriesAnnotations``.

    Args:
        modalities (Sequence[str]): Sensors to read; the names of the
            backbone's tokenizers.
        optional (Sequence[str]): Those of which files may be absent. Such
            samples lack the sensor; how many do is logged. Samples that lack
            another sensor stop the reader. Defaults to ().
        prepare (str, optional): What to do where data are missing. Defaults
            to None.
        **kwargs: As for mmseg's ``BaseSegDataset``.

    Raises:
        ConfigError: If no sensor, or an unknown one, is asked for.
        MissingDataError: If files are absent.
        DataError: If there is no sample.
    """

    #: Sensor -> what it is, for messages.
    SENSORS: dict[str, str] = {}
    #: The folder tree, with ``{root}``.
    TREE = ''

    def __init__(self,
                 modalities: Sequence[str],
                 optional: Sequence[str] = (),
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        self.modalities = tuple(modalities)
        self.optional = tuple(optional)
        self.prepare = prepare
        name = type(self).__name__
        unknown = {*self.modalities, *self.optional} - set(self.SENSORS)
        if unknown or not self.modalities:
            raise ConfigError(
                f'{name}: `modalities` and `optional` take '
                f'{", ".join(self.SENSORS)}; got {list(modalities)}, '
                f'{list(optional)}')
        if set(self.modalities) <= set(self.optional):
            raise ConfigError(f'{name}: all of {list(modalities)} are '
                              'optional, so that a sample may be empty; '
                              'require one')
        super().__init__(**kwargs)

    @abstractmethod
    def list_samples(self) -> list[dict]:
        """List the samples.

        Returns:
            list[dict]: Results of :meth:`entry`.
        """

    def entry(self, place: str, label: str, files: dict[str, dict],
              **meta: Any) -> dict:
        """Describe a sample.

        Args:
            place: Name, for messages and metrics.
            label: Path of the label map.
            files: Sensor -> ``paths`` of its frames (or of one ``.npy`` with
                all) and ``dates``, days of the year from 0, -1 if unknown.
            **meta: Further keys of the sample.

        Returns:
            dict: ``place``, ``series_files``, ``seg_map_path`` and what mmseg
            expects.
        """
        classes = self.METAINFO['classes']
        files = {m: files[m] for m in self.modalities if m in files}
        return dict(
            place=place,
            series_files=files,
            seg_map_path=label,
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
            seg_fields=[],
            num_classes=len(classes),
            **meta)

    def load_data_list(self) -> list[dict]:
        """List the samples, check their files, add ``img_path``, the first."""
        if not Path(self.data_root or '.').is_dir():
            raise self.missing(f'the folder {self.data_root} does not exist')
        entries = self.list_samples()
        if not entries:
            raise DataError(f'{type(self).__name__}: no sample in '
                            f'{self.data_root}. Correct what chooses them '
                            '(`ann_file` or `folds`).')
        labels = [e['seg_map_path'] for e in entries]
        absent = [path for path in labels if not Path(path).is_file()]
        if absent:
            raise self.missing(f'{len(absent)} of {len(labels)} labels are '
                               f'absent, first {absent[0]}')
        self._check_sensors(entries)
        for entry in entries:  # for pictures, and loaders of one image
            first = next(iter(entry['series_files'].values()))
            entry['img_path'] = first['paths'][0]
        return entries

    def _check_sensors(self, entries: list[dict]) -> None:
        """Drop absent files of optional sensors, refuse the rest."""
        lacking: Counter = Counter()
        for entry in entries:
            files = entry['series_files']
            for name in self.modalities:
                paths = files.get(name, {}).get('paths', [])
                absent = [p for p in paths if not Path(p).is_file()]
                if paths and not absent:
                    continue
                if name not in self.optional:
                    raise self.missing(
                        f'{entry["place"]} lacks {self.SENSORS[name]} '
                        f'(modality {name!r}): '
                        f'{absent[0] if absent else "no file is listed"}',
                        f', or add {name!r} to `optional`')
                lacking[name] += 1
                files.pop(name, None)
        for name, count in lacking.items():
            MMLogger.get_current_instance().warning(
                f'{type(self).__name__}: {count} of {len(entries)} samples '
                f'lack {self.SENSORS[name]} (modality {name!r})')

    def missing(self, what: str, fix: str = '') -> MissingDataError:
        """Error that shows the tree and how the data are made."""
        tree = self.TREE.format(root=self.data_root or '.')
        message = (f'{type(self).__name__}: {what}.\nExpected layout:\n{tree}'
                   f'\nCorrect `data_root`{fix}')
        if self.prepare:
            message += f', or make the data with:\n  {self.prepare}'
        return MissingDataError(message)
