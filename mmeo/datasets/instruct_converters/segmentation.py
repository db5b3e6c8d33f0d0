# Copyright (c) mmeo contributors. All rights reserved.
"""Semantic segmentation: questions about areas."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmeo.datasets.instruct_converters.files import (
    find_image,
    first_existing,
    walk_images,
)
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Sample,
    Unusable,
    parse_kinds,
    register_source,
)
from mmeo.datasets.instruct_converters.legend import (
    IGNORED,
    Legend,
    load_legend,
)
from mmeo.datasets.instruct_converters.regions import (
    REGION_OPTIONS,
    by_turns,
    checked_mask,
    percent,
    regions,
)
from mmeo.datasets.instruct_converters.wording import Wording

_MASK_KINDS = ('presence', 'share', 'main', 'list', 'count')


@register_source(
    'segmentation',
    title='label images: LoveDA, DeepGlobe, any other with a legend of yours',
    asks='presence, share of area, main class, list of classes, number of '
         'regions (classes marked countable)',
    tree='ROOT/img_dir/NAME.png   (other names: --image-root)\n'
         'ROOT/ann_dir/NAME.png   (other names: --labels)',
    folders=('img_dir', 'images', 'images_png', '.'),
    options=(Option('--legend', 'json of classes, or loveda, deepglobe, '
                    'levir_mci', required=True),
             Option('--labels', 'folder of labels below ROOT', 'ann_dir'),
             Option('--image-end', 'end of image names that labels replace, '
                    'e.g. _sat.jpg', ''),
             Option('--label-end', 'end of label names, e.g. _mask.png', ''),
             Option('--kinds', f'comma-separated: {", ".join(_MASK_KINDS)}',
                    ','.join(_MASK_KINDS)), *REGION_OPTIONS))
def segmentation(root: Path, images: Path, wording: Wording, legend: str,
                 labels: str, image_end: str, label_end: str, kinds: str,
                 per_image: int, min_area: int) -> Iterator[Item]:
    """Questions about the areas of one image."""
    wanted = parse_kinds(kinds, _MASK_KINDS)
    table = load_legend(legend)
    folder = first_existing(root, (labels, ), 'label folder (--labels)')
    for name in walk_images(images):
        if label_end and name.endswith(label_end):
            continue  # labels lie in the same folder
        if not name.endswith(image_end):
            yield Dropped('name does not end as --image-end says', name,
                          flaw=False)
            continue
        label = _label_name(folder, name, image_end, label_end)
        try:
            mask = checked_mask(table, folder / label, images / name)
        except Unusable as error:
            yield error.drop(f'{folder / label}')
            continue
        yield from _mask_questions(name, mask, table, wanted, wording,
                                   per_image, min_area)


def _label_name(folder: Path, name: str, image_end: str,
                label_end: str) -> str:
    if image_end or label_end:
        stem = name[:len(name) - len(image_end)] if image_end else str(
            Path(name).with_suffix(''))
        return stem + (label_end or image_end)
    return find_image(folder, name)[0]


def _mask_questions(name: str, mask: np.ndarray, table: Legend,
                    kinds: list[str], wording: Wording, per_image: int,
                    min_area: int) -> Iterator[Item]:
    valid = mask != IGNORED
    if not valid.any():
        yield Dropped('label holds no valid pixel', name, flaw=False)
        return
    shares = {entry.name: float((mask == i).sum() / valid.sum())
              for i, entry in enumerate(table.entries) if entry.ask}
    present = sorted((n for n in shares if shares[n]), key=shares.get)[::-1]
    absent = wording.choose(name, [n for n in shares if not shares[n]], 2)
    found = [('mask_presence', n, 'yes') for n in present[:2]]
    found += [('mask_presence', n, 'no') for n in absent]
    found += [('mask_share', n, percent(shares[n])) for n in present]
    # Only a clear winner makes a fair question.
    if present and shares[present[0]] >= 0.5:
        found.append(('mask_main', '', present[0]))
    if len(present) > 1:
        found.append(('mask_list', '', ', '.join(present)))
    for i, entry in enumerate(table.entries):
        if entry.ask and entry.countable and entry.name in present:
            count = len(regions(mask == i, min_area))
            found.append(('mask_count', entry.name, str(count)))
    found = [f for f in found if f[0].removeprefix('mask_') in kinds]
    for number, (kind, what, answer) in enumerate(
            by_turns(wording, name, found, per_image)):
        key = f'{name}_{kind}{number}'
        if answer in ('yes', 'no'):
            answer = wording.say(answer, key)
        yield Sample(key, (name, ), ((wording.say(kind, key, name=what),
                                      answer), ), task='VQA',
                     truth=dict(question_type=kind))
