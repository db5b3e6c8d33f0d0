# Copyright (c) mmeo contributors. All rights reserved.
"""Check an official detection set that needs no conversion."""

from collections import Counter
from pathlib import Path
from typing import Any, Union

from mmeo.builder import build
from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import DataError

from .report import Report

#: Number of images that the authors of a set publish, by split.
PUBLISHED = dict(
    sardet100k=dict(train=94_493, val=10_492, test=11_613),
    rsar=dict(train=78_837, val=8_467, test=8_538))


def split_config(name: str, root: Union[str, Path],
                 split: str) -> dict[str, Any]:
    """Reader of one split of SARDet-100K or RSAR in its official tree."""
    if name == 'sardet100k':
        return dict(type='SARDet100KDataset', data_root=str(root),
                    ann_file=f'Annotations/{split}.json',
                    data_prefix=dict(img=f'JPEGImages/{split}'),
                    test_mode=True, pipeline=[])
    return dict(type='RSARDataset', data_root=str(root),
                ann_file=f'{split}/annfiles',
                data_prefix=dict(img_path=f'{split}/images'), test_mode=True,
                pipeline=[])


def check_split(config: dict[str, Any], published: int = 0,
                decode: bool = False) -> Report:
    """Read a split as training would, and count it.

    Args:
        config: Of the dataset.
        published: Number of images its authors name; 0 if they do not.
        decode: Also decode every image and compare its size with the one
            that the annotations name. Defaults to False.

    Returns:
        Images, objects by class, ignored ones, and what is odd.

    Raises:
        MissingDataError: If a file is absent.
        DataError: If a file is damaged or a size differs.
    """
    dataset = build(config)
    report, classes = Report(), dataset.metainfo['classes']
    for i in range(len(dataset)):
        data = dataset.get_data_info(i)
        report.counts['images'] += 1
        if not data['instances']:
            report.counts['images without objects'] += 1
        for item in data['instances']:
            kind = f'objects: {classes[item["bbox_label"]]}'
            if item['ignore_flag']:
                report.dropped[f'{kind}, ignored'] += 1
            else:
                report.counts[kind] += 1
        if decode:
            _decode(data)
    report.dropped.update(Counter({
        f'objects {reason}': n
        for reason, n in getattr(dataset, 'dropped', {}).items()}))
    if published and report.counts['images'] != published:
        report.odd[f'images more (or, negative, fewer) than the published '
                   f'{published:,}'] = report.counts['images'] - published
    return report


def _decode(data: dict) -> None:
    size = read_picture(data['img_path']).size
    named = data.get('width'), data.get('height')
    if named != (None, None) and named != size:
        raise DataError(f'{data["img_path"]} has {size} pixels, its '
                        f'annotation says {named}. Use images and '
                        'annotations of one download.')
