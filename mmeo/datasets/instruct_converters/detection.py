# Copyright (c) mmeo contributors. All rights reserved.
"""Detection sets: COCO json, VOC xml, DOTA txt."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Optional, Union
from xml.etree.ElementTree import Element

from mmeo.datasets.instruct_converters.boxes import enclosing_box
from mmeo.datasets.instruct_converters.files import (
    find_image,
    first_existing,
    image_size,
    listed,
    lists_of,
    read_xml,
)
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Unusable,
    parse_kinds,
    register_source,
)
from mmeo.datasets.instruct_converters.object_questions import (
    KINDS,
    OBJECT_OPTIONS,
    Annotated,
    object_questions,
)
from mmeo.datasets.instruct_converters.wording import Wording, plain_name
from mmeo.errors import DataError

_ASKS = ('refer (one object), ground (all of a class), identify a region, '
         'count, presence')
_ONLY = Option('--only', 'text file with the image names to convert, one a '
               'line (default: all)')
_IMAGES = ('JPEGImages', 'images', 'Images', 'dota/images')
Found = Union[Annotated, Dropped]


def _questions(found: Iterator[Found], classes: list[str], wording: Wording,
               options: dict) -> Iterator[Item]:
    kinds = parse_kinds(options['kinds'], KINDS)
    for item in found:
        if isinstance(item, Dropped):
            yield item
        else:
            yield from object_questions(item, classes, wording, kinds,
                                        options['per_image'],
                                        options['max_boxes'])


@register_source(
    'coco',
    title='COCO json: NWPU VHR-10, SSDD, SARDet-100K, crowdAI, your own',
    asks=_ASKS,
    tree='ROOT        the json file\n(images below its folder, or '
         '--image-root)',
    options=OBJECT_OPTIONS)
def coco(root: Path, images: Path, wording: Wording,
         **options: Union[str, int]) -> Iterator[Item]:
    """Objects by image; crowd regions make their class vague."""
    if not root.is_file():
        raise DataError(f'{root}: give the COCO json file itself')
    pictures, rows, categories = lists_of(root, 'images', 'annotations',
                                          'categories')
    names = {c['id']: plain_name(c['name']) for c in categories}
    by_image: dict[int, list[dict]] = {}
    for row in rows:
        by_image.setdefault(row['image_id'], []).append(row)
    found = (_coco_image(root, images, picture,
                         by_image.get(picture['id'], []), names)
             for picture in pictures)
    yield from _questions(found, sorted(set(names.values())), wording,
                          options)


def _coco_image(path: Path, images: Path, picture: dict, rows: list[dict],
                names: dict[int, str]) -> Found:
    name, note = find_image(images, picture['file_name'])
    try:
        size = image_size(images / name)
    except Unusable as error:
        return error.drop(f'{images / name}')
    notes = [note] if note else []
    stated = picture.get('height', size[0]), picture.get('width', size[1])
    if stated != size:
        return Dropped('image size differs from the annotation',
                       f'{path.name}: {name}')
    objects, vague = [], set()
    for row in rows:
        if row['category_id'] not in names:
            raise DataError(f'{path}: annotation {row.get("id")} has '
                            f'category {row["category_id"]}, which is not in '
                            '`categories`')
        label = names[row['category_id']]
        if row.get('iscrowd'):
            vague.add(label)
            continue
        x, y, width, height = row['bbox']
        objects.append((label, [x, y, x + width, y + height]))
    return Annotated(name, size, objects, vague, tuple(notes))


@register_source(
    'voc',
    title='VOC xml, also with rotated boxes: DIOR, DIOR-R, SSDD, LS-SSDD, '
          'your own',
    asks=_ASKS + '; a rotated box becomes its enclosing box',
    tree='ROOT/Annotations/NAME.xml\nROOT/JPEGImages/NAME.jpg',
    folders=_IMAGES,
    options=(*OBJECT_OPTIONS, _ONLY,
             Option('--ann-dir', 'folder of the xml files', 'Annotations')))
def voc(root: Path, images: Path, wording: Wording, only: Optional[str],
        ann_dir: str, **options: Union[str, int]) -> Iterator[Item]:
    """One xml file an image."""
    files = _chosen(root, (ann_dir, ), '.xml', only)
    classes = {plain_name(node.findtext('name') or '')
               for path in files for node in _objects(path)}
    found = (_voc_image(path, images) for path in files)
    yield from _questions(found, sorted(classes), wording, options)


def _objects(path: Path) -> Iterator[Element]:
    try:
        yield from read_xml(path).iter('object')
    except Unusable:
        return  # counted when the questions are made


def _voc_image(path: Path, images: Path) -> Found:
    try:
        tree = read_xml(path)
        name, note = _voc_name(tree, path, images)
        size = image_size(images / name)
        stated = [int(float(tree.findtext(f'size/{side}') or 0))
                  for side in ('height', 'width')]
        if all(stated) and tuple(stated) != size:
            raise Unusable('image size differs from the annotation')
        objects = [(plain_name(node.findtext('name') or ''), _voc_box(node))
                   for node in tree.iter('object')]
    except Unusable as error:
        return error.drop(path.name)
    return Annotated(name, size, objects, notes=(note, ) if note else ())


def _voc_name(tree: Element, path: Path,
              images: Path) -> tuple[str, Optional[str]]:
    """``filename`` may name the xml itself (LS-SSDD): then by its stem."""
    name, note = find_image(images, tree.findtext('filename') or path.stem)
    if (images / name).is_file():
        return name, note
    return find_image(images, f'{path.stem}.jpg')


def _voc_box(node: Element) -> list[float]:
    """``bndbox``, or the corners of a rotated box."""
    for tag in ('bndbox', 'rotated_bndbox', 'robndbox'):
        box = node.find(tag)
        if box is None:
            continue
        values = {child.tag: child.text for child in box}
        try:
            if 'xmin' in values:
                return [float(values[k]) for k in ('xmin', 'ymin', 'xmax',
                                                   'ymax')]
            corners = _corner_tags(values)
            return enclosing_box([float(values[k]) for k in corners])
        except (TypeError, ValueError, KeyError):
            raise Unusable('box is not a number') from None
    raise Unusable('object has no box')


def _corner_tags(values: dict) -> list[str]:
    """Names of the eight coordinates (SSDD, DIOR-R)."""
    if 'x_left_top' in values:
        places = ('left_top', 'right_top', 'right_bottom', 'left_bottom')
        return [f'{axis}_{place}' for place in places for axis in 'xy']
    return [f'{axis}{i}' for i in range(1, 5) for axis in 'xy']


@register_source(
    'dota',
    title='DOTA txt: DOTA-v1.0/1.5/2.0, RSAR, patches of them, your own',
    asks=_ASKS + '; an oriented box becomes its enclosing box',
    tree='ROOT/labelTxt/NAME.txt   x1 y1 ... x4 y4 class difficulty\n'
         'ROOT/images/NAME.png',
    folders=_IMAGES,
    options=(*OBJECT_OPTIONS, _ONLY,
             Option('--ann-dir', 'folder of the text files', 'labelTxt')))
def dota(root: Path, images: Path, wording: Wording, only: Optional[str],
         ann_dir: str, **options: Union[str, int]) -> Iterator[Item]:
    """One text file an image; header lines are skipped."""
    places = tuple(dict.fromkeys((ann_dir, 'labelTxt', 'dota/labelTxt',
                                  'annfiles')))
    files = _chosen(root, places, '.txt', only)
    classes = {row[0] for path in files for row in _dota_rows(path)}
    found = (_dota_image(path, images) for path in files)
    yield from _questions(found, sorted(classes), wording, options)


def _dota_rows(path: Path) -> Iterator[tuple[str, list[float]]]:
    for number, line in enumerate(
            path.read_text(encoding='utf-8-sig').splitlines(), 1):
        words = line.split()
        if not words or ':' in words[0]:  # blank, imagesource:, gsd:
            continue
        try:
            corners = [float(word) for word in words[:8]]
            name = words[8]
        except (ValueError, IndexError):
            raise DataError(f'{path}:{number}: expected x1 y1 x2 y2 x3 y3 x4 '
                            f'y4 class difficulty, got {line!r}') from None
        if not all(map(math.isfinite, corners)):
            raise DataError(f'{path}:{number}: a coordinate is no number')
        yield plain_name(name), enclosing_box(corners)


def _dota_image(path: Path, images: Path) -> Found:
    name, _ = find_image(images, f'{path.stem}.png')
    try:
        size = image_size(images / name)
    except Unusable as error:
        return error.drop(path.name)
    return Annotated(name, size, [*_dota_rows(path)])


def _chosen(root: Path, folders: tuple[str, ...], suffix: str,
            names: Optional[str]) -> list[Path]:
    """Annotation files, all or those of a list."""
    folder = first_existing(root, folders, 'annotation folder')
    wanted = listed(names)
    if wanted is None:
        files = sorted(folder.glob(f'*{suffix}'))
    else:
        files = [folder / (Path(name.split()[0]).stem + suffix)
                 for name in wanted]
        absent = [path for path in files if not path.is_file()]
        if absent:
            raise DataError(f'{names} names {len(absent)} images without '
                            f'annotation; first: {absent[0]}')
    if not files:
        raise DataError(f'{folder} holds no *{suffix}')
    return files
