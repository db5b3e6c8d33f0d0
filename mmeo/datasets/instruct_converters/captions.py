# Copyright (c) mmeo contributors. All rights reserved.
"""Captions: Karpathy json, tables of pairs, and captions of change."""

import csv
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
from mmeo.datasets.instruct_converters.wording import Wording
from mmeo.errors import DataError

_SPLIT = Option('--split', 'train, val, test, or all', default='train')
_REPEATS = Option(
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


@register_source(
    'captions',
    title='RSICD, UCM-Captions, Sydney-Captions, RSITMD',
    asks='one "describe the image" a sentence',
    tree='ROOT/dataset*.json   {"images": [{"filename", "split", '
         '"sentences": [{"raw"}]}]}\nROOT/RSICD_images/NAME.jpg   (or imgs/, '
         'images/; with other names give --image-root)',
    folders=('RSICD_images', 'imgs', 'images', 'Images'),
    options=(_SPLIT, _REPEATS))
def captions(root: Path, images: Path, wording: Wording, split: str,
             sentences: str) -> Iterator[Item]:
    """Read a Karpathy-style file; ``root`` may be the file itself."""
    path = root if root.is_file() else one_file(
        root, 'dataset*.json', 'give the json file instead of its folder')
    for entry in lists_of(path, 'images')[0]:
        name, note = find_image(images, entry['filename'])
        for i, (text, drop) in enumerate(
                read_sentences(entry, sentences, f'{path.name}: {name}',
                               split)):
            key = f'{name}_caption{i}'
            yield drop or Sample(
                key, (name, ), ((wording.say('caption', key), text), ),
                (note, ) if note else ())


@register_source(
    'levir_cc',
    title='LEVIR-CC, LEVIR-MCI (captions)',
    asks='two dates, one "what has changed" a sentence',
    tree='ROOT/LevirCCcaptions.json\n'
         'ROOT/images/{train,val,test}/{A,B}/train_000001.png',
    options=(_SPLIT, _REPEATS))
def levir_cc(root: Path, images: Path, wording: Wording, split: str,
             sentences: str) -> Iterator[Item]:
    """Pairs of dates; their folder is the entry's split."""
    base = root if root.is_dir() else root.parent
    path = root if root.is_file() else base / 'LevirCCcaptions.json'
    for entry in lists_of(path, 'images')[0]:
        pair = _dates(images, entry)
        key = '_'.join(PurePosixPath(entry['filename']).parts)
        for i, (text, drop) in enumerate(
                read_sentences(entry, sentences, f'{path.name}: {key}',
                               split)):
            yield drop or Sample(
                f'{key}_change{i}', pair,
                ((wording.say('change_caption', f'{key}{i}'), text), ))


def _dates(images: Path, entry: dict) -> tuple[str, str]:
    """Paths of both dates, put together from parts.

    Replacing the letter A in a finished path would also hit folders such as
    ``DATA`` above it.
    """
    folder = entry.get('filepath') or entry.get('split') or ''
    places = [PurePosixPath('images', folder), PurePosixPath(folder),
              PurePosixPath()]
    for place in places:
        pair = [place / date / entry['filename'] for date in ('A', 'B')]
        if all((images / path).is_file() for path in pair):
            break
    else:
        pair = [places[0] / date / entry['filename'] for date in ('A', 'B')]
    return pair[0].as_posix(), pair[1].as_posix()


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
                     (note, ) if note else ())


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
