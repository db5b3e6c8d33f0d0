# Copyright (c) mmeo contributors. All rights reserved.
"""Semantic segmentation from folders of images and label maps."""

from typing import Any, Optional

from mmseg.datasets import BaseSegDataset

from mmeo.errors import ConfigError
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
        prepare (str, optional): Command that makes or converts the data,
            shown where it is missing. Defaults to None.
        **kwargs: As for mmseg's ``BaseSegDataset``: ``data_root``,
            ``data_prefix``, ``ann_file`` (list of names without suffix),
            ``metainfo``, ``reduce_zero_label``, ``pipeline``, ``test_mode``,
            ``indices``, ...

    Raises:
        ConfigError: If no classes are given.
        MissingDataError: If a folder is absent or an image has no label.
        DataError: If there is no image.
    """

    #: Keys of ``data_prefix`` and the folder each usually is.
    FOLDERS = dict(img_path='img_dir', seg_map_path='ann_dir')

    def __init__(self,
                 img_suffix: str = '.png',
                 seg_map_suffix: str = '.png',
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        self.prepare = prepare
        kwargs.setdefault('data_prefix', dict(self.FOLDERS))
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)

    @property
    def tree(self) -> str:
        """The expected folder tree."""
        root = self.data_root or '.'
        suffix = dict(img_path=self.img_suffix, img_path2=self.img_suffix,
                      seg_map_path=self.seg_map_suffix)
        lines = [f'  {root}/']
        for key in self.data_prefix:
            folder = self.FOLDERS.get(key, key)
            lines.append(f'    {folder}/  NAME{suffix.get(key, "")}'
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
        data_list = super().load_data_list()
        require_any(name, data_list, self.data_prefix['img_path'],
                    self.img_suffix)
        if self.data_prefix.get('seg_map_path'):
            require_files(
                name, [(d['img_path'], d['seg_map_path']) for d in data_list],
                'label', 'Add it, remove the image, or correct '
                '`seg_map_suffix` or `ann_file`.')
        require_files(
            name, [(self.ann_file, d['img_path']) for d in data_list],
            'image', 'Correct the list, `data_root` or `img_suffix`.')
        for data in data_list:
            data['num_classes'] = len(classes)
        return data_list


@DATASETS.register_module()
class LoveDADataset(GeoSegDataset):
    """LoveDA legend: 0 no data, 1 background, ..., 7 agriculture.

    mmseg's dataset of this name differs only in its checks. SynthEarth writes
    the same legend.
    """

    METAINFO = dict(
        classes=('background', 'building', 'road', 'water', 'barren',
                 'forest', 'agricultural'),
        palette=[[255, 255, 255], [255, 0, 0], [255, 255, 0], [0, 0, 255],
                 [159, 129, 183], [0, 255, 0], [255, 195, 128]])

    def __init__(self, reduce_zero_label: bool = True, **kwargs: Any) -> None:
        super().__init__(reduce_zero_label=reduce_zero_label, **kwargs)
