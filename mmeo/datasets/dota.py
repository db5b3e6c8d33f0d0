# Copyright (c) mmeo contributors. All rights reserved.
"""Oriented boxes in DOTA's original text form."""

import math
from pathlib import Path
from typing import Any, Optional

from mmengine.logging import print_log
from mmrotate.datasets import DOTADataset as _DOTADataset

from mmeo.errors import DataError, MissingDataError
from mmeo.registry import DATASETS

from .checks import require_any, require_files, require_folders


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
        img_suffix (str): Suffix of images, without dot. Defaults to 'png'.
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
        DataError: If a line does not parse or names an unknown class.
    """

    def __init__(self,
                 ann_file: str = 'labelTxt',
                 img_suffix: str = 'png',
                 diff_thr: int = 100,
                 min_size: float = 1.0,
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        self.min_size = min_size
        self.prepare = prepare
        kwargs.setdefault('data_prefix', dict(img_path='images'))
        super().__init__(diff_thr=diff_thr, img_suffix=img_suffix.lstrip('.'),
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
        tree = (f'  {self.data_root or "."}/\n    images/    '
                f'NAME.{self.img_suffix}  (data_prefix.img_path)\n    '
                'labelTxt/  NAME.txt  (ann_file)')
        require_folders(name, folders, tree, self.prepare)
        images = sorted(Path(folders['img_path']).glob(
            f'*.{self.img_suffix}'))
        require_any(name, images, folders['img_path'], f'.{self.img_suffix}')
        data_list = [
            dict(img_path=str(image), file_name=image.name, img_id=image.stem,
                 gsd=None, instances=[]) for image in images
        ]
        if self.ann_file:
            self._add_annotations(data_list)
        return data_list

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
        for data, label in zip(data_list, labels):
            data['gsd'], data['instances'] = self._parse_file(label)
            slivers += sum(i['ignore_flag'] == 2 for i in data['instances'])
            for instance in data['instances']:
                instance['ignore_flag'] = min(instance['ignore_flag'], 1)
        if slivers:
            print_log(f'{name}: {slivers} boxes thinner than {self.min_size} '
                      'px are ignored', logger='current')

    def _parse_file(self, path: str) -> tuple[Optional[float], list[dict]]:
        gsd, instances = None, []
        try:
            lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
        except UnicodeDecodeError as error:
            raise DataError(f'{path} is no text file ({error})') from error
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith('imagesource:'):
                continue
            if line.startswith('gsd:'):
                gsd = _parse_gsd(line, f'{path}:{number}')
                continue
            instance = self._parse_line(line, f'{path}:{number}')
            if instance is not None:
                instances.append(instance)
        return gsd, instances

    def _parse_line(self, line: str, where: str) -> Optional[dict]:
        """One box, or None if its class is not asked for."""
        words = line.split()
        try:
            if len(words) not in (9, 10):
                raise ValueError(f'{len(words)} words')
            bbox = [float(word) for word in words[:8]]
            difficulty = int(words[9]) if len(words) == 10 else 0
            if not all(map(math.isfinite, bbox)):
                raise ValueError('a coordinate is not finite')
        except ValueError as error:
            raise DataError(
                f'{where}: cannot read {line!r} ({error}). A line holds 8 '
                'coordinates, a class name and a difficulty: `x1 y1 x2 y2 x3 '
                'y3 x4 y4 ship 0`.') from None
        label = self._label(words[8], where)
        if label is None:
            return None
        ignore = int(difficulty > self.diff_thr)
        if _short_side(bbox) < self.min_size:
            ignore = 2  # told apart from difficulty only to be counted
        return dict(bbox=bbox, bbox_label=label, ignore_flag=ignore)

    def _label(self, class_name: str, where: str) -> Optional[int]:
        classes = tuple(self.metainfo['classes'])
        if class_name in classes:
            return classes.index(class_name)
        if class_name in self.METAINFO['classes']:
            return None
        raise DataError(
            f'{where}: unknown class {class_name!r}; the classes are '
            f'{list(classes)}. Correct the line, or set '
            '`metainfo=dict(classes=(...))`.')


def _parse_gsd(line: str, where: str) -> Optional[float]:
    """Value of a ``gsd:`` line; DOTA writes 'null' or nothing if unknown."""
    value = line.split(':', 1)[1].strip()
    if value.lower() in ('', 'null', 'none', 'nan'):
        return None
    try:
        return float(value)
    except ValueError:
        raise DataError(f'{where}: cannot read {line!r}; after `gsd:` comes '
                        'a number (metres per pixel) or null.') from None


def _short_side(bbox: list[float]) -> float:
    """Shorter mean side of a quadrilateral, in pixels."""
    points = list(zip(bbox[0::2], bbox[1::2]))
    sides = [math.dist(points[i], points[(i + 1) % 4]) for i in range(4)]
    return min(sides[0] + sides[2], sides[1] + sides[3]) / 2
