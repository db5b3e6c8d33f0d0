# Copyright (c) mmeo contributors. All rights reserved.
"""Change between two dates: questions about an image pair."""

from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import numpy as np

from mmeo.datasets.instruct_converters.files import (
    find_image,
    first_existing,
    walk_images,
)
from mmeo.datasets.instruct_converters.items import (
    Item,
    Option,
    Sample,
    Unusable,
    parse_kinds,
    register_source,
)
from mmeo.datasets.instruct_converters.legend import (
    IGNORED,
    changed_or_not,
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
from mmeo.errors import MissingDataError

_CHANGE_KINDS = ('presence', 'share', 'count', 'boxes', 'where')


@register_source(
    'change',
    title='two dates and a label: LEVIR-CD, WHU-CD, S2Looking, SVCD, '
          'LEVIR-MCI, your own',
    asks='has it changed, which share, how many regions, their boxes, in '
         'which part of the scene',
    tree='ROOT/A/NAME.png  ROOT/B/NAME.png  ROOT/label/NAME.png\n'
         '(other names: --first, --second, --labels)',
    options=(Option('--first', 'folder of the first date', 'A'),
             Option('--second', 'folder of the second date', 'B'),
             Option('--labels', 'folder of the labels', 'label'),
             Option('--what', 'what changes, for labels that are 0 or not',
                    'building'),
             Option('--legend', 'json of classes of change, or levir_mci '
                    '(instead of --what)'),
             Option('--kinds', f'comma-separated: {", ".join(_CHANGE_KINDS)}',
                    ','.join(_CHANGE_KINDS)),
             Option('--max-boxes', 'boxes in one answer at most', 20,
                    type=int), *REGION_OPTIONS))
def change(root: Path, images: Path, wording: Wording, first: str,
           second: str, labels: str, what: str, legend: Optional[str],
           kinds: str, per_image: int, min_area: int,
           max_boxes: int) -> Iterator[Item]:
    """Two-image questions; paths start at the image root."""
    wanted = parse_kinds(kinds, _CHANGE_KINDS)
    table = load_legend(legend) if legend else changed_or_not(what)
    for folder in (first, second):
        if not (images / folder).is_dir():
            raise MissingDataError(f'{images / folder} does not exist: give '
                                   '--first, --second or --image-root')
    label_folder = first_existing(root, (labels, ), 'label folder (--labels)')
    for name in walk_images(images / first):
        other, _ = find_image(images / second, name)
        pair = f'{first}/{name}', f'{second}/{other}'
        label = label_folder / find_image(label_folder, name)[0]
        try:
            mask = checked_mask(table, label, *(images / p for p in pair))
        except Unusable as error:
            yield error.drop(str(label))
            continue
        found = [entry for i, e in enumerate(table.entries) if e.ask
                 for entry in _change_facts(e.name, mask == i,
                                            mask != IGNORED, min_area)
                 if entry[0].removeprefix('change_') in wanted]
        for number, (kind, thing, value) in enumerate(
                by_turns(wording, name, found, per_image)):
            key = f'{name}_{kind}{number}'
            try:
                answer, notes = _change_answer(kind, value, mask.shape, key,
                                               wording, max_boxes)
            except Unusable as error:
                yield error.drop(f'{name}: {kind}')
                continue
            yield Sample(key, pair, ((wording.say(kind, key, name=thing),
                                      answer), ), notes,
                         task='VG' if kind == 'change_boxes' else 'VQA',
                         truth=dict(boxes=value) if kind == 'change_boxes'
                         else dict(question_type=kind))


def _change_facts(name: str, mask: np.ndarray, valid: np.ndarray,
                  min_area: int) -> list[tuple]:
    share = float(mask.sum() / max(valid.sum(), 1))
    facts: list[tuple] = [('change_presence', name, 'yes' if share else 'no'),
                          ('change_share', name, percent(share))]
    if not share:
        return facts
    found = regions(mask, min_area)
    facts += [('change_count', name, str(len(found))),
              ('change_where', name, _part(mask))]
    if found:
        facts.append(('change_boxes', name, found))
    return facts


def _part(mask: np.ndarray) -> str:
    """Where the centre of mass lies, in a 3 x 3 grid."""
    rows, columns = np.nonzero(mask)
    row = int(3 * rows.mean() / mask.shape[0])
    column = int(3 * columns.mean() / mask.shape[1])
    words = [('top', '', 'bottom')[row], ('left', '', 'right')[column]]
    return ' '.join(word for word in words if word) or 'centre'


def _change_answer(kind: str, value: object, shape: tuple[int, int], key: str,
                   wording: Wording,
                   max_boxes: int) -> tuple[str, tuple[str, ...]]:
    if kind == 'change_boxes':
        if len(value) > max_boxes:
            raise Unusable('too many boxes for one answer (--max-boxes)',
                           flaw=False)
        return wording.boxes(value, shape, 'change')
    if value in ('yes', 'no'):
        return wording.say(value, key), ()
    return value, ()
