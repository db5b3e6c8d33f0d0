# Copyright (c) mmeo contributors. All rights reserved.
"""Pairs of dates with a change mask."""

from pathlib import Path

from mmeo.errors import MissingDataError
from mmeo.registry import DATASETS

from .checks import require_files
from .geo_seg import GeoSegDataset


@DATASETS.register_module()
class ChangePairDataset(GeoSegDataset):
    """Images ``A`` and ``B`` of two dates and a mask ``label`` per pair.

    The layout of LEVIR-CD, WHU-CD, S2Looking and SVCD, whose folders have
    other names (set ``data_prefix``). Masks are grey pictures;
    ``LoadGeoAnnotations(threshold=128)`` makes them 0 (unchanged) and 1
    (changed), also where JPEG has smeared them.

    Args:
        **kwargs: As for :class:`GeoSegDataset`; ``data_prefix`` has the keys
            ``img_path`` (A), ``img_path2`` (B) and, unless there are no
            labels, ``seg_map_path``.

    Raises:
        MissingDataError: If a folder, a date or a mask is absent.
    """

    METAINFO = dict(classes=('unchanged', 'changed'),
                    palette=[[0, 0, 0], [255, 255, 255]])
    FOLDERS = dict(img_path='A', img_path2='B', seg_map_path='label')

    def load_data_list(self) -> list[dict]:
        """As the base class, with ``img_path2``, the second date."""
        data_list = super().load_data_list()
        first, second = (self.data_prefix['img_path'],
                         self.data_prefix['img_path2'])
        for data in data_list:
            relative = Path(data['img_path']).relative_to(first)
            data['img_path2'] = str(Path(second) / relative)
        name, fix = type(self).__name__, 'Add it or remove its counterpart.'
        require_files(
            name, [(d['img_path'], d['img_path2']) for d in data_list],
            'second date', fix)
        self._check_surplus(data_list)
        return data_list

    def _check_surplus(self, data_list: list[dict]) -> None:
        """A second date without a first one is as wrong as the reverse."""
        if self.ann_file:  # a list may choose a part of the folder
            return
        known = {data['img_path2'] for data in data_list}
        folder = Path(self.data_prefix['img_path2'])
        surplus = sorted(str(path) for split in (self.splits or ('', ))
                         for path in (folder / split).rglob('*')
                         if path.name.endswith(self.img_suffix)
                         and str(path) not in known)
        if surplus:
            raise MissingDataError(
                f'{type(self).__name__}: {len(surplus)} files have no first '
                f'date; first: {surplus[0]} has no counterpart in '
                f'{self.data_prefix["img_path"]}. Add it or remove its '
                'counterpart.')
