# Copyright (c) mmeo contributors. All rights reserved.
"""SSDD with polygons: the official COCO or VOC files to one clean tree."""

import os
import shutil
from pathlib import Path
from typing import Union

from mmeo.datasets.coco_api import read_coco
from mmeo.datasets.sar import SSDDDataset
from mmeo.errors import DataError, MissingDataError

from .coco import CocoBuilder, image_size
from .report import Report
from .voc import voc_to_coco

PathLike = Union[str, Path]
CLASSES = SSDDDataset.METAINFO['classes']


def convert_ssdd(root: PathLike, out: PathLike) -> dict[str, Report]:
    """Prepare the official download for instance segmentation.

    Reads ``PSeg_SSDD/coco_style``, or ``PSeg_SSDD/voc_style`` if there is no
    other, and writes ``OUT/images/SPLIT`` and ``OUT/annotations/SPLIT.json``.

    Args:
        root: ``Official-SSDD-OPEN``.
        out: Target folder.

    Returns:
        Counts by split.

    Raises:
        MissingDataError: If neither style is there.
    """
    coco = Path(root) / 'PSeg_SSDD' / 'coco_style'
    voc = Path(root) / 'PSeg_SSDD' / 'voc_style'
    if (coco / 'annotations' / 'train.json').is_file():
        return {
            split: convert_split(coco / 'annotations' / f'{split}.json',
                                 coco / 'images' / split, out, split)
            for split in ('train', 'test')
        }
    if (voc / 'Annotations_train').is_dir():
        return {
            split: convert_split(voc / f'Annotations_{split}',
                                 voc / f'JPEGImages_{split}', out, split)
            for split in ('train', 'test')
        }
    raise MissingDataError(
        f'neither {coco}/annotations/train.json nor {voc}/Annotations_train '
        'exists. Unpack Official-SSDD-OPEN; see '
        'docs/en/datasets_detection.md.')


def convert_split(annotations: PathLike, images: PathLike, out: PathLike,
                  split: str) -> Report:
    """Convert one part.

    Args:
        annotations: A COCO file, or a folder of XML files with outlines.
        images: Folder of its images.
        out: Target folder.
        split: Name of the part there.

    Raises:
        MissingDataError: If an image is absent.
        DataError: If an object has no outline, or the size of an image is
            not the one that its outlines were drawn on.
    """
    target = Path(out) / 'annotations' / f'{split}.json'
    if Path(annotations).is_dir():
        report = voc_to_coco(images, annotations, target, CLASSES)
    else:
        report = _clean_coco(annotations, images, target)
    _copy_images(target, Path(images), Path(out) / 'images' / split)
    return report


def _clean_coco(annotations: PathLike, images: PathLike,
                target: Path) -> Report:
    """One category with id 1, new ids, one outline each, sizes compared."""
    document = read_coco(annotations, unique_annotations=False)
    names = {c['id']: c['name'] for c in document['categories']}
    builder, numbers = CocoBuilder(CLASSES), {}
    for image in document['images']:
        size = image_size(Path(images) / image['file_name'])
        if size != (image['width'], image['height']):
            raise DataError(
                f'{annotations}: {image["file_name"]} has {size} pixels, not '
                f'{(image["width"], image["height"])}: outlines would be '
                'shifted. Use images and annotations of one download.')
        numbers[image['id']] = builder.add_image(image['file_name'], *size)
    ids = {ann['id'] for ann in document['annotations']}
    repeated = len(document['annotations']) - len(ids)
    if repeated:
        builder.report.odd['annotations whose id stood there before (all '
                           'are numbered anew)'] = repeated
    for ann in document['annotations']:
        where = f'{annotations}: annotation {ann["id"]}'
        outlines = ann.get('segmentation')
        if not isinstance(outlines, list) or len(outlines) != 1:
            raise DataError(f'{where} has no single outline: use the files '
                            'of PSeg_SSDD, not BBox_SSDD.')
        x, y, width, height = ann['bbox']
        builder.add_object(
            numbers[ann['image_id']], names[ann['category_id']],
            (x, y, x + width, y + height), polygon=outlines[0],
            crowd=bool(ann.get('iscrowd')), where=where)
    builder.write(target)
    return builder.report


def _copy_images(annotations: Path, source: Path, target: Path) -> None:
    """Give images a second name, as copies where links do not work."""
    target.mkdir(parents=True, exist_ok=True)
    for image in read_coco(annotations)['images']:
        path = target / image['file_name']
        path.unlink(missing_ok=True)
        try:
            os.link(source / image['file_name'], path)
        except OSError:
            shutil.copyfile(source / image['file_name'], path)
