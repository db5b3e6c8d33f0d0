# Copyright (c) mmeo contributors. All rights reserved.
"""VRSBench: per-image annotations, and the lists of its evaluation."""

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Optional

from mmeo.datasets.instruct_converters.boxes import enclosing_box
from mmeo.datasets.instruct_converters.files import (
    find_image,
    image_size,
    read_json,
    tolerant_json,
)
from mmeo.datasets.instruct_converters.geochat import parse_boxes
from mmeo.datasets.instruct_converters.items import (
    SPLIT,
    Dropped,
    Item,
    Option,
    Sample,
    Unusable,
    parse_kinds,
    register_source,
)
from mmeo.datasets.instruct_converters.wording import Wording
from mmeo.errors import DataError, MissingDataError

_KINDS = ('caption', 'refer', 'vqa', 'describe')


@register_source(
    'vrsbench',
    title='VRSBench',
    asks='caption, each referring sentence (box), each question; with '
         'describe also each box (its sentence)',
    tree='ROOT/Annotations_train/P0003_0002.json   (or '
         'Annotations_train.zip)\nROOT/Images_train/P0003_0002.png',
    folders=('Images_train', 'Images_val', 'Images', 'images'),
    options=(SPLIT, Option('--kinds', 'comma-separated: caption, refer, vqa, '
                           'describe',
                           default='caption,refer,vqa')))
def vrsbench(root: Path, images: Path, wording: Wording, split: str,
             kinds: str) -> Iterator[Item]:
    """One JSON file an image."""
    wanted = parse_kinds(kinds, _KINDS)
    for name, text in _annotations(root, split):
        try:
            entry, mended = tolerant_json(text)
            image, note = find_image(images, entry.get('image') or
                                     PurePosixPath(name).stem + '.png')
        except (Unusable, AttributeError, TypeError):
            yield Dropped('annotation file does not parse', name)
            continue
        notes = ('annotation is not strict JSON: mended', ) if mended else ()
        notes += (note, ) if note else ()
        stem = PurePosixPath(name).stem
        if 'caption' in wanted:
            yield _caption(stem, image, entry, wording, notes)
        for kind in ('refer', 'describe'):
            for number, item in enumerate(entry.get('objects') or ()):
                if kind in wanted:
                    yield _object(kind, stem, images / image, image, number,
                                  item, wording, notes)
        if 'vqa' in wanted:
            for number, pair in enumerate(entry.get('qa_pairs') or ()):
                yield _vqa(f'{stem}_vqa{number}', image, pair.get('question'),
                           pair.get('answer'), wording, notes,
                           pair.get('type'))


def _annotations(root: Path, split: str) -> Iterator[tuple[str, str]]:
    """``(file name, text)`` from the folder, else from the archive."""
    folder = root / f'Annotations_{split}'
    if folder.is_dir():
        for path in sorted(folder.rglob('*.json')):
            yield path.name, path.read_text(encoding='utf-8')
        return
    archive = folder.with_suffix('.zip')
    if not archive.is_file():
        raise MissingDataError(f'neither {folder} nor {archive} exists: give '
                               'the folder of the VRSBench download')
    with zipfile.ZipFile(archive) as packed:
        for name in sorted(packed.namelist()):
            if name.endswith('.json') and '__MACOSX' not in name:
                yield name, packed.read(name).decode('utf-8')


def _caption(stem: str, image: str, entry: dict, wording: Wording,
             notes: tuple) -> Item:
    text = str(entry.get('caption') or '').strip()
    if not text:
        return Dropped('image has no caption', stem)
    key = f'{stem}_caption'
    return Sample(key, (image, ),
                  ((wording.say('caption_long', key), text), ), notes,
                  task='CAP', truth=dict(references=[text]))


def _object(kind: str, stem: str, path: Path, image: str, number: int,
            item: dict, wording: Wording, notes: tuple) -> Item:
    """``obj_coord`` is the axis-aligned box in fractions of the image."""
    where = f'{stem}: object {number}'
    phrase = str(item.get('referring_sentence') or '').strip()
    if not phrase:
        return Dropped('object has no referring sentence', where)
    box = item.get('obj_coord') or ()
    if len(box) != 4:
        return Dropped('object has no box', where)
    try:
        text, clipped = wording.boxes([box], (1, 1))
        pixels = _pixels([box], (1, 1), path) if wording.truth else []
    except Unusable as error:
        return error.drop(where)
    except (TypeError, ValueError):
        return Dropped('box is not a number', where)
    key = f'{stem}_{kind}{number}'
    if kind == 'describe':
        question = wording.say('identify', key, box=text)
        return Sample(key, (image, ), ((question, phrase), ),
                      notes + clipped, task='REF',
                      truth=dict(references=[phrase]))
    question = wording.say('refer_text', key, phrase=phrase)
    return Sample(key, (image, ), ((question, text), ), notes + clipped,
                  task='VG', truth=_box_truth(pixels, item))


def _box_truth(pixels: list, row: dict) -> dict:
    unique = row.get('unique', row.get('is_unique'))
    truth = dict(boxes=pixels, obj_cls=row.get('obj_cls'))
    return truth if unique is None else dict(truth, unique=bool(unique))


def _pixels(boxes: list, size: tuple[float, float],
            path: Path) -> list[list[float]]:
    """Boxes in the pixels of the image, not rounded."""
    height, width = image_size(path)
    scale = (width / size[1], height / size[0]) * 2
    return [[float(v) * s for v, s in zip(box, scale)] for box in boxes]


def _vqa(key: str, image: str, question: Optional[str], answer: Optional[str],
         wording: Wording, notes: tuple, kind: Optional[str] = None) -> Item:
    if not question or answer in (None, ''):
        return Dropped('question or answer missing', key)
    text = wording.ask_short(str(question), key)
    return Sample(key, (image, ), ((text, str(answer).strip()), ), notes,
                  task='VQA', truth=dict(question_type=kind or 'vqa'))


@register_source(
    'vrsbench_eval',
    title='VRSBench_EVAL_{referring,vqa,Cap}.json',
    asks='the evaluation questions; for testing, never for training',
    tree='ROOT                      the json file\n'
         'FOLDER/Images_val/NAME.png',
    folders=('Images_val', 'Images', 'images'),
    options=(Option('--boxes-from', 'truth of --truth: text, the whole '
                    'percents that the official scores use, or corners, as '
                    'they were drawn', 'text', choices=('text', 'corners')),))
def vrsbench_eval(root: Path, images: Path, wording: Wording,
                  boxes_from: str) -> Iterator[Item]:
    """Tell the three files apart by their ground truth."""
    rows = read_json(root) if root.is_file() else None
    if not isinstance(rows, list):
        raise DataError(f'{root}: give a VRSBench_EVAL_*.json, a list')
    for number, row in enumerate(rows):
        key = f'{root.stem}_{number}'
        truth = str(row.get('ground_truth', '')).strip()
        if not truth or 'image_id' not in row:
            yield Dropped('record has no image or ground truth', key)
            continue
        image, note = find_image(images, row['image_id'])
        notes = (note, ) if note else ()
        boxes = parse_boxes(truth)
        if boxes:
            yield _box_record(key, images / image, image, row, boxes,
                              boxes_from, wording, notes)
        elif row.get('type'):
            yield _vqa(key, image, row.get('question'), truth, wording,
                       notes, row['type'])
        else:
            yield _caption(key, image, dict(caption=truth), wording, notes)


def _box_record(key: str, path: Path, image: str, row: dict, boxes: list,
                boxes_from: str, wording: Wording, notes: tuple) -> Item:
    size = 100, 100
    try:
        text, clipped = wording.boxes(boxes, size)
        if boxes_from == 'corners':
            boxes, size = [enclosing_box(row['obj_corner'])], (1, 1)
        pixels = _pixels(boxes, size, path) if wording.truth else []
    except Unusable as error:
        return error.drop(key)
    question = wording.say('refer_text', key, phrase=row['question'])
    return Sample(key, (image, ), ((question, text), ), notes + clipped,
                  task='VG', truth=_box_truth(pixels, row))
