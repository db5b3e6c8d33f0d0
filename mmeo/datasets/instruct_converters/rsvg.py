# Copyright (c) mmeo contributors. All rights reserved.
"""Visual grounding: DIOR-RSVG, OPT-RSVG (XML) and RSVG (triples)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Optional
from xml.etree.ElementTree import Element

import torch

from mmeo.datasets.instruct_converters.files import (
    find_image,
    first_existing,
    image_size,
    listed,
    read_json,
    read_xml,
)
from mmeo.datasets.instruct_converters.items import (
    SPLIT,
    Dropped,
    Item,
    Option,
    Sample,
    Unusable,
    register_source,
)
from mmeo.datasets.instruct_converters.wording import Wording
from mmeo.errors import DataError, MissingDataError

_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
_TOTAL = Option('--total', 'stop unless there are so many objects (DIOR-RSVG '
                '38320, OPT-RSVG 48952): the lists count them', type=int)


def _positions(root: Path, split: str) -> Optional[set[int]]:
    """Object numbers of one or several splits; None for all of them."""
    if split == 'all':
        return None
    return set().union(*(_numbers(root, part.strip())
                         for part in split.split('+')))


def _leaked(root: Path, split: str, wanted: Optional[set[int]]) -> set[int]:
    """Objects of a training split that the test list names as well.

    Early releases of both sets had such lists.
    """
    lists = [root / name for name in ('test.txt', 'split/test.txt')
             if (root / name).is_file()]
    if wanted is None or not lists or 'test' in split.split('+'):
        return set()
    return wanted & _numbers(root, 'test')


def _numbers(root: Path, split: str) -> set[int]:
    path = first_existing(root, (f'{split}.txt', f'split/{split}.txt'),
                          f'list of the split {split!r}')
    lines = listed(str(path)) or []
    try:
        return {int(line) for line in lines}
    except ValueError:
        raise DataError(f'{path}: each line must be the number of an object '
                        f'(this one starts with {lines[0]!r})') from None


def _grounding(root: Path, images: Path, wording: Wording,
               split: str, total: Optional[int]) -> Iterator[Item]:
    """Objects counted over the XML files in sorted order."""
    wanted = _positions(root, split)
    leaked = _leaked(root, split, wanted)
    _check_total(root / 'Annotations', total)
    folder = root / 'Annotations'
    files = sorted(folder.glob('*.xml'))
    if not files:
        raise MissingDataError(f'{folder} holds no *.xml')
    number = -1
    for path in files:
        try:
            tree = read_xml(path)
        except Unusable as error:
            # Later numbers would be off by this file's objects.
            raise DataError(f'{path}: {error}. The split lists count objects '
                            'over all files: download it again.') from None
        for element in tree.iter('object'):
            number += 1
            where = f'{path.name}: object {number}'
            if wanted is not None and number not in wanted:
                yield Dropped('belongs to another split', where, flaw=False)
                continue
            if number in leaked:
                yield Dropped('object is in the list of the test split too',
                              where)
                continue
            try:
                yield _refer(tree, element, path, images, wording, number)
            except Unusable as error:
                yield error.drop(where)
    if wanted and max(wanted) > number:
        raise DataError(
            f'split {split!r} names object {max(wanted)} but {folder} holds '
            f'{number + 1} objects: files are missing, and all numbers may '
            'be off. Unpack the annotations again.')


def _check_total(folder: Path, total: Optional[int]) -> None:
    if total is None:
        return
    found = 0
    for path in folder.glob('*.xml'):
        try:
            found += sum(1 for _ in read_xml(path).iter('object'))
        except Unusable as error:
            raise DataError(f'{path}: {error}') from None
    if found != total:
        raise DataError(f'{folder} holds {found} objects, not {total} '
                        '(--total): the numbers in the lists would name '
                        'other objects. Unpack the annotations again.')


def _refer(tree: Element, element: Element, path: Path, images: Path,
           wording: Wording, number: int) -> Sample:
    name, note = find_image(images, tree.findtext('filename')
                            or f'{path.stem}.jpg')
    phrase = _text(element, 'description', 3)
    box = _box(element)
    text, notes = wording.boxes([box], image_size(images / name))
    key = f'{path.parent.parent.name}_{number}'
    question = wording.say('refer_text', key, phrase=phrase)
    return Sample(key, (name, ), ((question, text), ),
                  notes + ((note, ) if note else ()), task='VG',
                  truth=dict(boxes=[box]))


def _box(element: Element) -> list[float]:
    """By tag name; the official loader goes by position (third child)."""
    node = element.find('bndbox')
    if node is None and len(element) > 2:
        node = element[2]
    if node is None or len(node) < 4:
        raise Unusable('object has no box')
    named = [node.findtext(tag) for tag in _CORNERS]
    values = named if None not in named else [c.text for c in node][:4]
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError):
        raise Unusable('box is not a number') from None


def _text(element: Element, tag: str, position: int) -> str:
    text = element.findtext(tag)
    if text is None and len(element) > position:
        text = element[position].text
    if not text or not text.strip():
        raise Unusable('object has no description')
    return ' '.join(text.split())


_XML_TREE = ('ROOT/Annotations/00001.xml\nROOT/{images}/00001.jpg\n'
             'ROOT/{lists}{{train,val,test}}.txt   numbers of objects')

for _name, _title, _folders, _lists in (
        ('dior_rsvg', 'DIOR-RSVG', ('JPEGImages', ), ''),
        ('opt_rsvg', 'OPT-RSVG', ('Image', 'JPEGImages'), 'split/')):
    register_source(
        _name, title=_title,
        asks='each expression: locate it, answered by one box',
        tree=_XML_TREE.format(images=_folders[0], lists=_lists),
        folders=_folders,
        options=(Option('--split', 'train, val, test, all, or several as '
                        'train+val', default='train'), _TOTAL))(_grounding)


@register_source(
    'rsvg',
    title='RSVG (GeoVG)',
    asks='each expression: locate it, answered by one box',
    tree='ROOT/rsvg_train.pth   (image, box, expression) triples; or .json\n'
         'ROOT/images/NAME',
    folders=('images', ),
    options=(SPLIT, Option('--box-format', 'how the four numbers are meant',
                           default='xyxy', choices=('xyxy', 'xywh'))))
def rsvg(root: Path, images: Path, wording: Wording, split: str,
         box_format: str) -> Iterator[Item]:
    """Triples; a box outside its image tells that the format is the other."""
    path = first_existing(root, (f'rsvg_{split}.pth', f'rsvg_{split}.json'),
                          'annotation file')
    for number, row in enumerate(_triples(path)):
        where = f'{path.name}: entry {number}'
        try:
            name, box, phrase = row[0], [float(v) for v in row[1]], row[2]
            if box_format == 'xywh':
                box = [*box[:2], box[0] + box[2], box[1] + box[3]]
            name, note = find_image(images, name)
            text, notes = wording.boxes([box], image_size(images / name))
        except Unusable as error:
            yield error.drop(where)
            continue
        except (TypeError, ValueError, IndexError):
            yield Dropped('entry is no (image, box, expression)', where)
            continue
        key = f'{path.stem}_{number}'
        question = wording.say('refer_text', key, phrase=phrase)
        yield Sample(key, (name, ), ((question, text), ),
                     notes + ((note, ) if note else ()), task='VG',
                     truth=dict(boxes=[box]))


def _triples(path: Path) -> list:
    if path.suffix == '.json':
        return read_json(path)
    try:
        return torch.load(path, weights_only=True)
    except Exception as error:
        raise DataError(
            f'{path} cannot be opened safely ({type(error).__name__}): it '
            'holds Python objects. In an environment that trusts it, save '
            'the triples as JSON beside it.') from None
