# Copyright (c) mmeo contributors. All rights reserved.
"""Oriented boxes in the XML form of DIOR-R and SSDD."""

from pathlib import Path
from typing import Any, Optional

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmeo.errors import DataError, MissingDataError
from mmeo.registry import DATASETS

from .checks import require_any, require_files, require_folders
from .dota_text import short_side
from .voc_xml import VocObject, read_voc


@DATASETS.register_module()
class OrientedVOCDataset(BaseDataset):
    """One XML file an image, with an oriented box in each object.

    Reads ``<robndbox>`` (four named corners as in DIOR-R, or centre, size and
    angle in radians) and ``<rotated_bndbox>`` (numbered corners, as in SSDD).
    Class names are compared without case.

    Args:
        ann_file (str): Text file of image names, one a line; '' takes every
            image of the folder. Defaults to ''.
        ann_subdir (str): Folder of the XML files below ``data_root``.
            Defaults to 'Annotations'.
        img_suffix (str): Suffix of images, without dot. Defaults to 'jpg'.
        use_difficult (bool): Train and evaluate on objects marked difficult
            too; else they are ignored. Defaults to True.
        min_size (float): Boxes whose shorter side is below it, in pixels, are
            ignored. Defaults to 1.0.
        prepare (str, optional): Command that makes the data, shown where it
            is missing. Defaults to None.
        **kwargs: As for mmengine's ``BaseDataset``; ``metainfo`` with
            ``classes`` where a subclass has none.

    Raises:
        MissingDataError: If a folder, a list, an image or an XML file is
            absent.
        DataError: If a file does not parse, names an unknown class or has an
            object without oriented box.
    """

    METAINFO: dict = dict(classes=(), palette=[])

    def __init__(self,
                 ann_file: str = '',
                 ann_subdir: str = 'Annotations',
                 img_suffix: str = 'jpg',
                 use_difficult: bool = True,
                 min_size: float = 1.0,
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        self.ann_subdir = ann_subdir
        self.img_suffix = img_suffix.lstrip('.')
        self.use_difficult = use_difficult
        self.min_size = min_size
        self.prepare = prepare
        kwargs.setdefault('data_prefix', dict(img_path='JPEGImages'))
        super().__init__(ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the images with their boxes.

        Returns:
            list[dict]: ``img_path``, ``img_id``, ``xml_path``, ``instances``
            with ``bbox`` (8 coordinates in pixels), ``bbox_label`` and
            ``ignore_flag``.
        """
        name = type(self).__name__
        images = Path(self.data_prefix['img_path'])
        xmls = Path(self.data_root or '.') / self.ann_subdir
        tree = (f'  {self.data_root or "."}/\n    {self.ann_subdir}/  '
                f'NAME.xml  (ann_subdir)\n    {images.name}/  '
                f'NAME.{self.img_suffix}  (data_prefix.img_path)')
        require_folders(name, dict(img_path=str(images),
                                   ann_subdir=str(xmls)), tree, self.prepare)
        data_list = [
            dict(img_id=stem, img_path=f'{images}/{stem}.{self.img_suffix}',
                 xml_path=f'{xmls}/{stem}.xml')
            for stem in self._list_names(images)
        ]
        listed = self.ann_file or str(images)
        for key, what in (('img_path', 'image'), ('xml_path', 'XML file')):
            require_files(name, [(f'{d["img_id"]} of {listed}', d[key])
                                 for d in data_list], what,
                          'Add what is missing, or shorten the list.')
        slivers = 0
        for data in data_list:
            data['instances'], thin = self._read(data['xml_path'])
            slivers += thin
        if slivers:
            print_log(f'{name}: {slivers} boxes thinner than {self.min_size} '
                      'px are ignored', logger='current')
        return data_list

    def _list_names(self, images: Path) -> list[str]:
        name = type(self).__name__
        if not self.ann_file:
            found = sorted(images.glob(f'*.{self.img_suffix}'))
            require_any(name, found, str(images), f'.{self.img_suffix}')
            return [path.stem for path in found]
        if not Path(self.ann_file).is_file():
            message = (f'{name}: {self.ann_file} (`ann_file`, the list of '
                       'image names) does not exist. Correct it')
            if self.prepare:
                message += f', or make it with:\n  {self.prepare}'
            raise MissingDataError(message)
        names = Path(self.ann_file).read_text().split()
        if not names:
            raise DataError(f'{name}: {self.ann_file} names no image.')
        return names

    def _read(self, path: str) -> tuple[list[dict], int]:
        """Instances of a file, and how many of them are slivers."""
        instances, slivers = [], 0
        for item in read_voc(path).objects:
            label = self._label(item, path)
            if label is None:
                continue
            if item.corners is None:
                raise DataError(
                    f'{path}: a {item.name} has no oriented box (<robndbox> '
                    'or <rotated_bndbox>). Point `ann_subdir` to the '
                    'oriented annotations.')
            thin = short_side(item.corners) < self.min_size
            slivers += thin
            ignored = thin or (item.difficult and not self.use_difficult)
            instances.append(dict(bbox=list(item.corners), bbox_label=label,
                                  ignore_flag=int(ignored)))
        return instances, slivers

    def _label(self, item: VocObject, path: str) -> Optional[int]:
        """Index of a class, or None if it is not asked for."""
        classes = [name.lower() for name in self.metainfo['classes']]
        if item.name.lower() in classes:
            return classes.index(item.name.lower())
        if item.name.lower() in (n.lower() for n in self.METAINFO['classes']):
            return None
        raise DataError(
            f'{path}: unknown class {item.name!r}; the classes are '
            f'{list(self.metainfo["classes"])}. Correct the file, or set '
            '`metainfo=dict(classes=(...))`.')

    def filter_data(self) -> list[dict]:
        """Leave out images without objects if ``filter_cfg`` says so."""
        wanted = (self.filter_cfg or {}).get('filter_empty_gt', False)
        if self.test_mode or not wanted:
            return self.data_list
        return [data for data in self.data_list if data['instances']]

    def get_cat_ids(self, idx: int) -> list[int]:
        """Labels of an image, for samplers that balance classes."""
        return [i['bbox_label'] for i in self.get_data_info(idx)['instances']]
