# Copyright (c) mmeo contributors. All rights reserved.
"""Multi-label classification: any number of classes per image."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from mmengine.fileio import load
from mmengine.logging import print_log
from mmpretrain.datasets import MultiLabelDataset

from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import DATASETS

from .checks import require_any, require_files, require_folders

EMPTY = ('keep', 'drop', 'error')


@DATASETS.register_module()
class MultiLabelSceneDataset(MultiLabelDataset):
    """Images with a set of classes each, from a CSV or JSON file.

    CSV, with a header; labels are names or numbers::

        path,labels
        a/1.tif,forest;water
        a/2.tif,

    JSON, as mmpretrain's: ``{"metainfo": {"classes": [...]}, "data_list":
    [{"img_path": "a/1.tif", "gt_label": [0, 3]}]}``.

    Args:
        ann_file (str): File below ``data_root``, ending in .csv or .json.
        data_root (str): Defaults to ''.
        data_prefix (str | dict): Image folder below ``data_root``. Defaults
            to ''.
        separator (str): Between the labels of a CSV. Defaults to ';'.
        empty (str): What becomes of images without any class: 'keep',
            'drop' (their number is logged) or 'error'. Defaults to 'keep'.
        check_files (bool): Look for each image before training. Defaults to
            True.
        prepare (str, optional): Command that makes the data, shown where it
            is missing. Defaults to None.
        **kwargs: As for mmpretrain's ``MultiLabelDataset``: ``metainfo``,
            ``classes``, ``pipeline``, ``test_mode``, ...

    Raises:
        ConfigError: If there are no class names, or ``empty`` is unknown.
        MissingDataError: If the folder, the file or an image is absent.
        DataError: If the file has another form, a label is unknown, or all
            images were dropped.
    """

    def __init__(self,
                 ann_file: str,
                 data_root: str = '',
                 data_prefix: Union[str, dict] = '',
                 separator: str = ';',
                 empty: str = 'keep',
                 check_files: bool = True,
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        if empty not in EMPTY:
            raise ConfigError(f'{type(self).__name__}: empty={empty!r} must '
                              f'be one of {EMPTY}')
        self.separator = separator
        self.empty = empty
        self.check_files = check_files
        self.prepare = prepare
        super().__init__(ann_file=ann_file, data_root=data_root,
                         data_prefix=data_prefix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the images.

        Returns:
            list[dict]: ``img_path`` and ``gt_label`` ``(n, )`` int64.
        """
        name = type(self).__name__
        require_folders(name, {'data_prefix.img_path': self.img_prefix or '.'},
                        f'  {self.img_prefix}/PATH   as in {self.ann_file}',
                        self.prepare)
        rows = self._rows()
        if not self.CLASSES:
            raise ConfigError(f'{name}: give the class names in '
                              '`metainfo=dict(classes=(...))`')
        ids = self.label_ids()
        entries = [self._entry(row, f'{self.ann_file}, image {i}', ids)
                   for i, row in enumerate(rows, 1)]
        require_any(name, entries, self.ann_file, 'an image')
        entries = self._without_empty(entries)
        if self.check_files:
            require_files(
                name, [(self.ann_file, path) for entry in entries
                       for path in self.files_of(entry)], 'image',
                'Correct `data_root` or `data_prefix`, or make the data '
                'again.')
        return entries

    def label_ids(self) -> dict[str, Optional[int]]:
        """Class of each label of the file; None leaves a label out."""
        return dict(self.class_to_idx)

    def files_of(self, entry: dict) -> list[str]:
        """Files that must exist for an image."""
        return [entry['img_path']]

    def _entry(self, row: dict, where: str,
               ids: dict[str, Optional[int]]) -> dict:
        """Annotation of one row."""
        if not row.get('path'):
            raise DataError(f'{where} has no path (column `path` of a CSV, '
                            '`img_path` of a JSON file).')
        return dict(img_path=str(Path(self.img_prefix) / row['path']),
                    gt_label=self._labels(row, where, ids))

    def _labels(self, row: dict, where: str,
                ids: dict[str, Optional[int]]) -> np.ndarray:
        """Sorted ids, each once."""
        found = {self._label(label, where, ids) for label in row['labels']}
        return np.array(sorted(found - {None}), dtype=np.int64)

    def _label(self, label: Union[str, int], where: str,
               ids: dict[str, Optional[int]]) -> Optional[int]:
        if label in ids:
            return ids[label]
        number = int(label) if str(label).isdecimal() else -1
        if not 0 <= number < len(self.CLASSES):
            raise DataError(f'{where}: label {label!r} is none of the '
                            f'{len(self.CLASSES)} classes.')
        return number

    def _without_empty(self, entries: list[dict]) -> list[dict]:
        kept = [e for e in entries if len(e['gt_label'])]
        lost = len(entries) - len(kept)
        if not lost or self.empty == 'keep':
            return entries
        if self.empty == 'error' or not kept:
            raise DataError(f'{self.ann_file}: {lost} of {len(entries)} '
                            "images have no class, which `empty='keep'` "
                            'allows.')
        print_log(f'{type(self).__name__}: {lost} of {len(entries)} images '
                  'have no class and are left out', logger='current')
        return kept

    def _rows(self) -> list[dict]:
        """Rows with ``labels`` as a list, other columns as text."""
        path = Path(self.ann_file)
        if not path.is_file():
            message = (f'{type(self).__name__}: {path} (`ann_file`) does not '
                       'exist. Correct `data_root` or `ann_file`')
            if self.prepare:
                message += f', or make the data with:\n  {self.prepare}'
            raise MissingDataError(message)
        if path.suffix == '.json':
            return self._json_rows(load(str(path)))
        with path.open(newline='', encoding='utf-8') as file:
            return self._csv_rows(file)

    def _csv_rows(self, lines: Iterable[str]) -> list[dict]:
        rows = csv.DictReader(lines)
        if 'labels' not in (rows.fieldnames or ()):
            raise DataError(f'{self.ann_file} has no column `labels`; its '
                            f'header is {rows.fieldnames}.')
        return [
            dict(row, labels=[label.strip() for label in
                              (row['labels'] or '').split(self.separator)
                              if label.strip()]) for row in rows
        ]

    def _json_rows(self, document: Any) -> list[dict]:
        try:
            rows = [dict(path=item['img_path'], labels=item['gt_label'])
                    for item in document['data_list']]
        except (KeyError, TypeError) as error:
            raise DataError(
                f'{self.ann_file}: expected {{"data_list": [{{"img_path": '
                f'..., "gt_label": [...]}}]}}, but {error} failed.') from error
        for key, value in document.get('metainfo', {}).items():
            self._metainfo.setdefault(key, value)
        return rows
