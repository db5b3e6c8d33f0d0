# Copyright (c) mmeo contributors. All rights reserved.
"""Semantic segmentation from folders of images and label maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mmseg.datasets import BaseSegDataset

from mmeo.errors import ConfigError, MissingDataError
from mmeo.registry import DATASETS

from .checks import require_any, require_files, require_folders


@DATASETS.register_module()
class GeoSegDataset(BaseSegDataset):
    """Images and label maps in two folders, paired by file name.

    Classes come from the config: ``metainfo=dict(classes=..., palette=...)``.
    Pictures (PNG, JPEG) are read by ``LoadImage``, rasters of any number of
    bands by ``LoadRaster``, labels of either kind by ``LoadGeoAnnotations``.

    Args:
        img_suffix (str): Ending of image names. Defaults to '.png'.
        seg_map_suffix (str): Ending that replaces ``img_suffix`` in the
            label's name. Defaults to '.png'.
        splits (str or Sequence[str]): Folders below each prefix that are
            read, e.g. ``('train', 'val')`` for ``img_dir/train`` and
            ``img_dir/val``. Defaults to (), all below the prefix.
        prepare (str, optional): Command that makes or converts the data,
            shown where it is missing. Defaults to None.
        **kwargs: As for mmseg's ``BaseSegDataset``: ``data_root``,
            ``data_prefix``, ``ann_file`` (list of names, with or without
            suffix), ``metainfo``, ``reduce_zero_label``, ``pipeline``,
            ``test_mode``, ``indices``, ...

    Raises:
        ConfigError: If no classes are given, or both a list and splits.
        MissingDataError: If a folder or the list is absent or an image has no
            label.
        DataError: If there is no image.
    """

    #: Keys of ``data_prefix`` and the folder each usually is.
    FOLDERS = dict(img_path='img_dir', seg_map_path='ann_dir')

    def __init__(self,
                 img_suffix: str = '.png',
                 seg_map_suffix: str = '.png',
                 splits: Union[str, Sequence[str]] = (),
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        self.prepare = prepare
        self.splits = (splits, ) if isinstance(splits, str) else tuple(splits)
        kwargs.setdefault('data_prefix', dict(self.FOLDERS))
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)

    @property
    def tree(self) -> str:
        """The expected folder tree."""
        root = self.data_root or '.'
        suffix = dict(img_path=self.img_suffix, img_path2=self.img_suffix,
                      seg_map_path=self.seg_map_suffix)
        below = f'{{{",".join(self.splits)}}}/' if self.splits else ''
        lines = [f'  {root}/']
        for key in self.data_prefix:
            folder = self.FOLDERS.get(key, key)
            lines.append(f'    {folder}/{below}  NAME{suffix.get(key, "")}'
                         f'  (data_prefix.{key})')
        return '\n'.join(lines)

    def load_data_list(self) -> list[dict]:
        """List the images and check that each has its label.

        Returns:
            list[dict]: ``img_path``, ``seg_map_path``, ``num_classes`` (of
            the file's legend) and the fields of mmseg.
        """
        name = type(self).__name__
        classes = self.METAINFO.get('classes') or self._metainfo.get('classes')
        if not classes:
            raise ConfigError(f'{name}: give the class names in '
                              '`metainfo=dict(classes=(...))`')
        require_folders(name, self.data_prefix, self.tree, self.prepare)
        require_folders(
            name, {f'{key}, split {split!r}': str(Path(folder) / split)
                   for key, folder in self.data_prefix.items()
                   for split in self.splits}, self.tree, self.prepare)
        data_list = [self._entry(stem, len(classes))
                     for stem in self._list_names()]
        require_any(name, data_list, self.data_prefix['img_path'],
                    self.img_suffix)
        if self.data_prefix.get('seg_map_path'):
            require_files(
                name, [(d['img_path'], d['seg_map_path']) for d in data_list],
                'label', 'Add it, remove the image, or correct '
                '`seg_map_suffix` or `ann_file`.')
        if self.ann_file:
            require_files(
                name, [(self.ann_file, d['img_path']) for d in data_list],
                'image', 'Correct the list, `data_root` or `img_suffix`.')
        return data_list

    def _list_names(self) -> list[str]:
        """Names relative to the image folder, without suffix, sorted."""
        if self.ann_file:
            return self._read_list(Path(self.ann_file))
        root = Path(self.data_prefix['img_path'])
        return sorted(
            str(path.relative_to(root))[:-len(self.img_suffix)]
            for split in (self.splits or ('', ))
            for path in (root / split).rglob('*')
            if path.name.endswith(self.img_suffix))

    def _read_list(self, path: Path) -> list[str]:
        name = type(self).__name__
        if self.splits:
            raise ConfigError(f'{name}: `ann_file` and `splits` both choose '
                              'the images; give one of them')
        if not path.is_file():
            message = (f'{name}: the list {path} (`ann_file`) does not exist.'
                       f'\nExpected layout:\n{self.tree}\nCorrect `data_root`'
                       ' or `ann_file`, or leave it out to read the folder')
            if self.prepare:
                message += f', or make the data with:\n  {self.prepare}'
            raise MissingDataError(message)
        lines = (line.strip() for line in path.read_text().splitlines())
        return [line.removesuffix(self.img_suffix) for line in lines if line]

    def _entry(self, stem: str, num_classes: int) -> dict:
        entry = dict(
            img_path=str(
                Path(self.data_prefix['img_path']) / (stem + self.img_suffix)),
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
            seg_fields=[],
            num_classes=num_classes)
        if self.data_prefix.get('seg_map_path'):
            entry['seg_map_path'] = str(
                Path(self.data_prefix['seg_map_path']) /
                (stem + self.seg_map_suffix))
        return entry
