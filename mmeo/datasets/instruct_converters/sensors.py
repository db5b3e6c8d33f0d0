# Copyright (c) mmeo contributors. All rights reserved.
"""fMoW (boxes with a function) and Sentinel-1/2 pairs by terrain."""

from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from mmeo.datasets.instruct_converters.classification import ask_options
from mmeo.datasets.instruct_converters.files import (
    IMAGE_SUFFIXES,
    find_image,
    image_size,
    read_json,
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
from mmeo.datasets.instruct_converters.wording import Wording, plain_name
from mmeo.errors import DataError, MissingDataError

_NO_CLASS = 'false_detection'


@register_source(
    'fmow',
    title='fMoW-rgb',
    asks='the function of the place in each box, openly or from options',
    tree='ROOT/train/airport/airport_0/airport_0_0_rgb.{json,jpg}',
    options=(SPLIT, Option('--num-options', 'lettered options', 5, type=int),
             Option('--form', 'boxes: the function of each, half of them '
                    'from options; scene: the class of the image from the '
                    'list (default: boxes, in the style rsunivlm scene)',
                    choices=(None, 'boxes', 'scene'))))
def fmow(root: Path, images: Path, wording: Wording, split: str,
         num_options: int, form: Optional[str]) -> Iterator[Item]:
    """One JSON file an image."""
    form = form or ('scene' if wording.style.task_tokens else 'boxes')
    folder = root / split
    if not folder.is_dir():
        raise MissingDataError(f'{folder} does not exist: give the folder '
                               'that holds train/ and val/')
    names = sorted(plain_name(path.name) for path in folder.iterdir()
                   if path.is_dir() and path.name != _NO_CLASS)
    # Folder by folder: the set holds half a million files.
    for category in sorted(path for path in folder.iterdir()
                           if path.is_dir()):
        for path in sorted(category.rglob('*_rgb.json')):
            if form == 'scene':
                yield _fmow_scene(path, category.name, root, images, names,
                                  wording)
                continue
            yield from _fmow_image(path, root, images, names, wording,
                                   num_options)


def _fmow_scene(path: Path, category: str, root: Path, images: Path,
                names: list[str], wording: Wording) -> Item:
    """The folder is the class."""
    where = path.relative_to(root).as_posix()
    if category == _NO_CLASS:
        return Dropped('box without a category', where, flaw=False)
    name, _ = find_image(images, Path(where).with_suffix('.jpg').as_posix())
    label = plain_name(category)
    question = wording.say('classify_list', path.stem,
                           names=', '.join(names))
    return Sample(path.stem, (name, ), ((question, label), ), task='CLS',
                  truth=dict(label=label))


def _fmow_image(path: Path, root: Path, images: Path, names: list[str],
                wording: Wording, num_options: int) -> Iterator[Item]:
    where = path.relative_to(root).as_posix()
    try:
        boxes = read_json(path)['bounding_boxes']
    except (DataError, KeyError, TypeError):
        yield Dropped('annotation file has no bounding_boxes', where)
        return
    name, _ = find_image(images, Path(where).with_suffix('.jpg').as_posix())
    # Files with a single box may hold the object itself.
    for row in boxes if isinstance(boxes, list) else [boxes]:
        category = row.get('category', _NO_CLASS)
        if category == _NO_CLASS:
            yield Dropped('box without a category', where, flaw=False)
            continue
        key = f'{path.stem}_{row.get("ID", 0)}'
        try:
            x, y, width, height = row['box']
            text, notes = wording.boxes([[x, y, x + width, y + height]],
                                        image_size(images / name))
        except Unusable as error:
            yield error.drop(where)
            continue
        except (KeyError, ValueError, TypeError):
            yield Dropped('box is not x, y, width, height', where)
            continue
        yield Sample(key, (name, ), (_function(
            key, plain_name(category), text, names, wording, num_options), ),
            notes, task='REF', truth=dict(references=[plain_name(category)]))


def _function(key: str, name: str, box: str, names: list[str],
              wording: Wording, num_options: int) -> tuple[str, str]:
    if len(names) > 1 and wording.random(f'form:{key}').random() < 0.5:
        return ask_options('function', key, name, names, wording, num_options,
                           box=box)
    return wording.say('function', key, box=box), name


@register_source(
    'sen12_terrain',
    title='Sentinel-1&2 image pairs segregated by terrain',
    asks='which image is radar; the terrain of the radar image; the terrain '
         'of the pair',
    tree='ROOT/{agri,barrenland,grassland,urban}/{s1,s2}/'
         'ROIs1970_fall_s1_13_p265.png\n(the optical name has s2 in place of '
         's1)',
    options=(Option('--per-image', 'questions for each pair', 1, type=int), ))
def sen12_terrain(root: Path, images: Path, wording: Wording,
                  per_image: int) -> Iterator[Item]:
    """Pairs by file name, in a seeded order of the two images."""
    terrains = sorted(path.name for path in images.iterdir()
                      if (path / 's1').is_dir())
    if not terrains:
        raise MissingDataError(f'{images} holds no TERRAIN/s1 folder: give '
                               'the folder of agri, barrenland, ...')
    for terrain in terrains:
        for path in sorted((images / terrain / 's1').iterdir()):
            if path.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            partner = _partner(path)
            if partner is None:
                yield Dropped('file name does not say s1', path.name)
                continue
            kinds = wording.choose(path.name, ('which', 'radar', 'pair'),
                                   per_image)
            for number, kind in enumerate(kinds):
                yield _pair(kind, f'{path.stem}_{number}', terrain,
                            path.name, partner, wording)


def _partner(path: Path) -> Optional[str]:
    """The third part of the name; ``ROIs1970`` holds s1 as well."""
    parts = path.name.split('_')
    if len(parts) < 4 or parts[2] != 's1':
        return None
    return '_'.join([*parts[:2], 's2', *parts[3:]])


def _pair(kind: str, key: str, terrain: str, radar: str, optical: str,
          wording: Wording) -> Sample:
    files = (f'{terrain}/s1/{radar}', f'{terrain}/s2/{optical}')
    name = {'agri': 'agricultural land', 'barrenland': 'barren land',
            'urban': 'urban area'}.get(terrain, plain_name(terrain))
    if kind == 'radar':
        return Sample(key, files[:1],
                      ((wording.say('sar_terrain', key), name), ),
                      task='CLS', truth=dict(label=name))
    swap = wording.random(f'swap:{key}').random() < 0.5
    shown = files[::-1] if swap else files
    if kind == 'pair':
        return Sample(key, shown, ((wording.say('pair_terrain', key), name), ),
                      task='CLS', truth=dict(label=name))
    answer = wording.say('sar_second' if swap else 'sar_first', key)
    return Sample(key, shown, ((wording.say('sar_which', key), answer), ),
                  task='VQA', truth=dict(question_type='sensor'))
