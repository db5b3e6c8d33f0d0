# Copyright (c) mmeo contributors. All rights reserved.
"""Oriented boxes in DOTA's original text form."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mmengine.logging import print_log
from mmrotate.datasets import DOTADataset as _DOTADataset
from mmrotate.datasets import DOTAv2Dataset as _DOTAv2Dataset

from mmeo.errors import DataError, MissingDataError
from mmeo.registry import DATASETS

from .checks import require_any, require_files, require_folders
from .dota_text import DotaObject, read_dota, short_side


@DATASETS.register_module()
class DOTADataset(_DOTADataset):
    """DOTA as it is distributed: header lines, blank lines, difficulties.

    Each ``labelTxt`` line is ``x1 y1 x2 y2 x3 y3 x4 y4 class difficulty``;
    the first lines may say ``imagesource:...`` and ``gsd:...``. Classes are
    those of DOTA-v1.0 unless ``metainfo=dict(classes=...)`` says otherwise;
    known classes that the config leaves out are dropped.

    Args:
        ann_file (str): Folder of the text files; '' for images without
            labels. Defaults to 'labelTxt'.
        img_suffix (str | Sequence[str]): Suffix of images, without dot, or
            several where a folder holds a mixture. Defaults to 'png'.
        diff_thr (int): Boxes of a higher difficulty are ignored in training
            and evaluation. Defaults to 100, none.
        min_size (float): Boxes whose shorter side is below it, in pixels, are
            ignored: a side of zero has no finite regression target (tiles
            cut from DOTA hold such slivers). Defaults to 1.0.
        prepare (str, optional): Command that makes the data, shown where it
            is missing. Defaults to None.
        **kwargs: As for mmrotate's ``DOTADataset``.

    Raises:
        MissingDataError: If a folder, an image or a label file is absent.
        DataError: If a line does not parse or names an unknown class, or two
            images share a name.
    """

    def __init__(self,
                 ann_file: str = 'labelTxt',
                 img_suffix: Union[str, Sequence[str]] = 'png',
                 diff_thr: int = 100,
                 min_size: float = 1.0,
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        self.min_size = min_size
        self.prepare = prepare
        suffixes = [img_suffix] if isinstance(img_suffix, str) else img_suffix
        self.img_suffixes = tuple(s.lstrip('.') for s in suffixes)
        kwargs.setdefault('data_prefix', dict(img_path='images'))
        super().__init__(diff_thr=diff_thr, img_suffix=self.img_suffixes[0],
                         ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the images with their boxes.

        Returns:
            list[dict]: ``img_path``, ``file_name``, ``img_id``, ``gsd``
            (metres per pixel, or None), ``instances`` with ``bbox`` (8
            coordinates in pixels), ``bbox_label`` and ``ignore_flag``.
        """
        name = type(self).__name__
        folders = dict(img_path=self.data_prefix['img_path'])
        if self.ann_file:
            folders['ann_file'] = self.ann_file
        suffix = '|'.join(self.img_suffixes)
        tree = (f'  {self.data_root or "."}/\n    images/    '
                f'NAME.{suffix}  (data_prefix.img_path)\n    '
                'labelTxt/  NAME.txt  (ann_file)')
        require_folders(name, folders, tree, self.prepare)
        images = self._list_images(folders['img_path'])
        require_any(name, images, folders['img_path'], f'.{suffix}')
        data_list = [
            dict(img_path=str(image), file_name=image.name, img_id=image.stem,
                 gsd=None, instances=[]) for image in images
        ]
        if self.ann_file:
            self._add_annotations(data_list)
        return data_list

    def _list_images(self, folder: str) -> list[Path]:
        images = sorted(path for suffix in self.img_suffixes
                        for path in Path(folder).glob(f'*.{suffix}'))
        first: dict[str, Path] = {}
        for image in images:
            if first.setdefault(image.stem, image) != image:
                raise DataError(
                    f'{type(self).__name__}: {first[image.stem]} and '
                    f'{image.name} would share the label {image.stem}.txt. '
                    'Remove one of them, or narrow `img_suffix`.')
        return images

    def _add_annotations(self, data_list: list[dict]) -> None:
        name = type(self).__name__
        labels = [
            str(Path(self.ann_file) / f'{data["img_id"]}.txt')
            for data in data_list
        ]
        require_files(
            name, list(zip((d['img_path'] for d in data_list), labels)),
            'label file', 'An image without objects needs an empty one.')
        surplus = sorted({str(path) for path in
                          Path(self.ann_file).glob('*.txt')} - set(labels))
        if surplus:
            raise MissingDataError(
                f'{name}: {len(surplus)} label files have no image; first: '
                f'{surplus[0]}. Add the image to '
                f'{self.data_prefix["img_path"]}, correct `img_suffix`, or '
                'remove the file.')
        slivers = 0
        for data, path in zip(data_list, labels):
            found = read_dota(path)
            data['gsd'] = found.gsd
            for item in found.objects:
                label = self._label(item.name, f'{path}:{item.line}')
                if label is None:
                    continue
                thin = short_side(item.corners) < self.min_size
                slivers += thin
                data['instances'].append(self._instance(item, label, thin))
        if slivers:
            print_log(f'{name}: {slivers} boxes thinner than {self.min_size} '
                      'px are ignored', logger='current')

    def _instance(self, item: DotaObject, label: int, thin: bool) -> dict:
        return dict(bbox=list(item.corners), bbox_label=label,
                    ignore_flag=int(thin or item.difficulty > self.diff_thr))

    def _label(self, class_name: str, where: str) -> Optional[int]:
        """Index of a class, or None if it is not asked for."""
        classes = tuple(self.metainfo['classes'])
        if class_name in classes:
            return classes.index(class_name)
        if class_name in self.METAINFO['classes']:
            return None
        raise DataError(
            f'{where}: unknown class {class_name!r}; the classes are '
            f'{list(classes)}. Correct the line, or set '
            '`metainfo=dict(classes=(...))`.')


@DATASETS.register_module()
class DOTAv2Dataset(DOTADataset):
    """DOTA-v2.0: v1.0 and container crane, airport and helipad."""

    METAINFO = _DOTAv2Dataset.METAINFO
