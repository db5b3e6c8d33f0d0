# Copyright (c) mmeo contributors. All rights reserved.
"""Captions: Karpathy json and tables of pairs; scene classes of them."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Optional

from mmeo.datasets.instruct_converters.files import (
    find_image,
    json_lines,
    lists_of,
    one_file,
)
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Sample,
    register_source,
)
from mmeo.datasets.instruct_converters.wording import Wording, plain_name
from mmeo.errors import DataError

CAPTION_SPLIT = Option('--split', 'train, val, test, or all', default='train')
REPEATS = Option(
    '--sentences', 'unique leaves out sentences that repeat within an image '
    '(RSICD pads to five), all keeps them', default='unique',
    choices=('unique', 'all'))


def read_sentences(entry: dict, repeats: str, key: str,
                   split: str) -> Iterator[tuple[str, Optional[Dropped]]]:
    """Captions of one image, or why one is left out.

    Args:
        entry (dict): ``sentences``: texts, or objects with ``raw``; maybe
            ``split``.
        repeats (str): 'unique' or 'all'.
        key (str): Name for the report.
        split (str): Wanted split, or 'all'.
    """
    texts = [s if isinstance(s, str) else s.get('raw', '')
             for s in entry.get('sentences', ())]
    if not texts:
        yield '', Dropped('image has no caption', key)
    # A file without splits (one split a file) is taken whole.
    foreign = split != 'all' and entry.get('split', split) != split
    seen: set[str] = set()
    for text in texts:
        text = ' '.join(text.split())
        if foreign:
            yield text, Dropped('belongs to another split', key, flaw=False)
        elif text in seen and repeats == 'unique':
            yield text, Dropped('repeated caption', key, flaw=False)
        else:
            yield text, None
        seen.add(text)


_CLASS_OF = {
    'name': re.compile(r'^([A-Za-z][A-Za-z_\- ]*?)[_\-]?\d+$'),
    'folder': None,
}


@register_source(
    'captions',
    title='RSICD, UCM-Captions, Sydney-Captions, RSITMD',
    asks='one "describe the image" a sentence, or the class of the image '
         '(--ask class)',
    tree='ROOT/dataset*.json   {"images": [{"filename", "split", '
         '"sentences": [{"raw"}]}]}\nROOT/RSICD_images/NAME.jpg   (or imgs/, '
         'images/; with other names give --image-root)',
    folders=('RSICD_images', 'imgs', 'images', 'Images'),
    options=(CAPTION_SPLIT, REPEATS,
             Option('--ask', 'caption, or class: the scene by its name',
                    'caption', choices=('caption', 'class')),
             Option('--class-from', 'where --ask class finds it: name '
                    '(airport_1.jpg) or folder (airport/1.jpg)', 'name',
                    choices=tuple(_CLASS_OF))))
def captions(root: Path, images: Path, wording: Wording, split: str,
             sentences: str, ask: str, class_from: str) -> Iterator[Item]:
    """Read a Karpathy-style file; ``root`` may be the file itself."""
    path = root if root.is_file() else one_file(
        root, 'dataset*.json', 'give the json file instead of its folder')
    entries = lists_of(path, 'images')[0]
    if ask == 'class':
        yield from _classes(entries, path, images, wording, split, class_from)
        return
    for entry in entries:
        name, note = find_image(images, entry['filename'])
        where, notes = f'{path.name}: {name}', (note, ) if note else ()
        if wording.truth:
            yield _all_captions(entry, name, where, split, sentences,
                                wording, notes)
            continue
        for i, (text, drop) in enumerate(
                read_sentences(entry, sentences, where, split)):
            key = f'{name}_caption{i}'
            yield drop or Sample(
                key, (name, ), ((wording.say('caption', key), text), ), notes,
                task='CAP')


def _all_captions(entry: dict, name: str, where: str, split: str,
                  sentences: str, wording: Wording,
                  notes: tuple[str, ...]) -> Item:
    """One question an image, all sentences as references."""
    found = [*read_sentences(entry, sentences, where, split)]
    texts = [text for text, drop in found if drop is None]
    if not texts:
        return found[0][1]
    return Sample(name, (name, ), ((wording.say('caption', name), texts[0]),
                                   ), notes, task='CAP',
                  truth=dict(references=texts))


def _classes(entries: list[dict], path: Path, images: Path, wording: Wording,
             split: str, source: str) -> Iterator[Item]:
    """The scene class, as the sets of captions tell it by their names."""
    labels = [_label(entry['filename'], source) for entry in entries]
    names = sorted({label for label in labels if label})
    for entry, label in zip(entries, labels):
        name, note = find_image(images, entry['filename'])
        where = f'{path.name}: {name}'
        if split != 'all' and entry.get('split', split) != split:
            yield Dropped('belongs to another split', where, flaw=False)
        elif not label:
            yield Dropped('file name tells no class', where, flaw=False)
        else:
            question = wording.say('classify_list', name,
                                   names=', '.join(names))
            yield Sample(f'{name}_class', (name, ), ((question, label), ),
                         (note, ) if note else (), task='CLS',
                         truth=dict(label=label))


def _label(name: str, source: str) -> str:
    path = PurePosixPath(name)
    if source == 'folder':
        return plain_name(path.parent.name)
    match = _CLASS_OF['name'].match(path.stem)
    return plain_name(match[1]) if match else ''


@register_source(
    'caption_table',
    title='image-text pairs in a table: PMC-OA, Quilt-1M, Open-I, your own',
    asks='one "describe the image" a row',
    tree='ROOT        a .csv, .tsv or .jsonl with a column of image paths and '
         'one of texts\n(images below the folder of the table, or '
         '--image-root)',
    options=(Option('--image-column', 'column of paths', default='image'),
             Option('--text-column', 'column of texts', default='caption'),
             Option('--ask', 'template of the question', default='caption',
                    choices=('caption', 'caption_long', 'caption_medical'))))
def caption_table(root: Path, images: Path, wording: Wording,
                  image_column: str, text_column: str,
                  ask: str) -> Iterator[Item]:
    """One caption a row."""
    for number, row in table_rows(root, (image_column, text_column)):
        where = f'{root.name}: row {number}'
        name, text = row[image_column], row[text_column]
        if not name or not text or not str(text).strip():
            yield Dropped('row without image or text', where)
            continue
        name, note = find_image(images, str(name))
        key = f'{root.stem}_{number}'
        yield Sample(key, (name, ),
                     ((wording.say(ask, key), ' '.join(str(text).split())), ),
                     (note, ) if note else (), task='CAP',
                     truth=dict(references=[' '.join(str(text).split())]))


def table_rows(path: Path,
               columns: tuple[str, ...]) -> Iterator[tuple[int, dict]]:
    """Rows of a csv, tsv or jsonl file, read one by one.

    Raises:
        DataError: If the file is no table or lacks a column.
    """
    if path.suffix not in ('.csv', '.tsv', '.jsonl') or not path.is_file():
        raise DataError(f'{path} is no table: give a .csv, .tsv or .jsonl '
                        'file')
    with open(path, encoding='utf-8-sig', newline='') as file:
        if path.suffix == '.jsonl':
            rows = (row for _, row in json_lines(path))
        else:
            tab = '\t' if path.suffix == '.tsv' else ','
            rows = csv.DictReader(file, delimiter=tab)
        for number, row in enumerate(rows, 1):
            missing = [name for name in columns if name not in row]
            if missing:
                raise DataError(
                    f'{path}, row {number}: no column {missing[0]!r}; it has '
                    f'{sorted(map(str, row))}. Name the right one with an '
                    'option.')
            yield number, row
