# Copyright (c) mmeo contributors. All rights reserved.
"""A COCO file, checked before it is indexed."""

import io
import json
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Union

from mmdet.datasets.api_wrappers import COCO

from mmeo.errors import DataError, MissingDataError

# What readers and the evaluation rely on, by section of the file.
_FIELDS = dict(
    images=('id', 'file_name', 'height', 'width'),
    annotations=('id', 'image_id', 'category_id', 'bbox', 'area'),
    categories=('id', 'name'))


def read_coco(path: Union[str, Path],
              unique_annotations: bool = True) -> dict[str, Any]:
    """Read a COCO file of instances.

    Args:
        path: The file.
        unique_annotations: Stop where an id of an annotation stands twice;
            converters number anew. Defaults to True.

    Returns:
        dict: ``images``, ``annotations`` and ``categories``, lists of dicts.

    Raises:
        MissingDataError: If there is no such file.
        DataError: If it is no JSON, lacks a section or a field, has an id
            twice, or an annotation names an image or a category that the
            file does not list.
    """
    if not Path(path).is_file():
        raise MissingDataError(f'COCO file {path} does not exist. Check '
                               '`data_root` and `ann_file`.')
    try:
        with open(path, encoding='utf-8') as file:
            document = json.load(file)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f'{path} is no complete JSON file ({error}). Copy or '
                        'make it again.') from error
    for section, fields in _FIELDS.items():
        if not isinstance(document, dict) or not isinstance(
                document.get(section), list):
            raise DataError(f'{path} has no list `{section}`: it is no COCO '
                            'file of instances.')
        _check_records(path, section, document[section], fields,
                       unique_annotations or section != 'annotations')
    _check_references(path, document)
    return document


def _check_records(path: Union[str, Path], section: str, records: list,
                   fields: Sequence[str], unique: bool) -> None:
    seen = set()
    for number, record in enumerate(records):
        missing = [name for name in fields if name not in record]
        if missing:
            raise DataError(
                f'{path}: `{section}[{number}]` lacks {missing}. Add what is '
                'missing, or make the file with a converter of '
                'tools/dataset_converters.')
        if unique and record['id'] in seen:
            raise DataError(
                f'{path}: id {record["id"]} stands twice in `{section}`, and '
                'the evaluation would mix them up. Number the records anew, '
                'as the converters of tools/dataset_converters do.')
        seen.add(record['id'])


def _check_references(path: Union[str, Path], document: dict) -> None:
    known = {field: {record['id'] for record in document[section]}
             for field, section in (('image_id', 'images'),
                                    ('category_id', 'categories'))}
    for record in document['annotations']:
        for field, ids in known.items():
            if record[field] not in ids:
                raise DataError(
                    f'{path}: annotation {record["id"]} has {field} '
                    f'{record[field]}, which the file does not list. Correct '
                    'it or remove the annotation.')


def category_ids(api: COCO, names: Sequence[str],
                 path: Union[str, Path] = 'the COCO file') -> list[int]:
    """Ids of categories, in the order of ``names``.

    pycocotools returns them in the order of the file, so that a file with
    another order than the dataset's classes would swap their names.

    Raises:
        DataError: If a name is not in the file.
    """
    by_name = {record['name']: record['id']
               for record in api.dataset['categories']}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise DataError(
            f'{path} has no category {missing}; it has {list(by_name)}. Set '
            '`metainfo=dict(classes=(...))` to the names of the file, or '
            'make the file with the converter of the dataset.')
    return [by_name[name] for name in names]


class CheckedCOCO(COCO):
    """mmdet's index of a COCO file, of checked content, by class names.

    Args:
        path (str): The file.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.dataset = read_coco(path)
        with redirect_stdout(io.StringIO()):  # 'creating index...'
            self.createIndex()
        self.img_ann_map, self.cat_img_map = self.imgToAnns, self.catToImgs

    def get_cat_ids(self, cat_names: Sequence[str] = (), **kwargs) -> list:
        """Ids, in the order of ``cat_names`` where these are given."""
        if cat_names:
            return category_ids(self, cat_names, self.path)
        return super().get_cat_ids(**kwargs)
