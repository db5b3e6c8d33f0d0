# Copyright (c) mmeo contributors. All rights reserved.
"""LEVIR-MCI: captions and masks of change."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mmeo.datasets.instruct_converters.captions import REPEATS
from mmeo.datasets.instruct_converters.files import first_existing
from mmeo.datasets.instruct_converters.items import (
    SPLIT,
    Item,
    Option,
    parse_kinds,
    register_source,
)
from mmeo.datasets.instruct_converters.legend import load_legend
from mmeo.datasets.instruct_converters.levir_cc import levir_cc
from mmeo.datasets.instruct_converters.masks_change import (
    PROMPTS,
    DatePair,
    change_masks,
)
from mmeo.datasets.instruct_converters.masks_grid import GridReader
from mmeo.datasets.instruct_converters.masks_write import (
    GRID_OPTIONS,
    MaskWriter,
    check_style,
    plain_values,
)
from mmeo.datasets.instruct_converters.wording import Wording

_KINDS = ('captions', 'masks')


@register_source(
    'levir_mci',
    title='LEVIR-MCI: captions and masks of change',
    asks='two dates: what has changed (one record a sentence), where roads '
         'or buildings have changed (--style rsunivlm)',
    tree='ROOT/LevirCCcaptions.json\n'
         'ROOT/images/{train,val,test}/{A,B,label}/train_000001.png   '
         '(label: 0, 128 road, 255 building)',
    options=(
        # Five sentences a pair, as the paper counts them.
        SPLIT, replace(REPEATS, default='all'),
        Option('--kinds', f'comma-separated: {", ".join(_KINDS)}',
               ','.join(_KINDS)),
        Option('--masks-per-pair', 'one: about one class, one that has '
               'changed where any has (as many masks as the paper counts); '
               'each: about roads and about buildings (with --truth always)',
               'one', choices=('one', 'each')), PROMPTS, *GRID_OPTIONS))
def levir_mci(root: Path, images: Path, wording: Wording, split: str,
              sentences: str, kinds: str, masks_per_pair: str,
              prompt: str, grid: int, dialect: str,
              multi_class: str) -> Iterator[Item]:
    """Captions first, then masks."""
    check_style(wording)
    wanted = parse_kinds(kinds, _KINDS)
    if 'captions' in wanted:
        yield from levir_cc(root, images, wording, split, sentences)
    if 'masks' in wanted:
        table = load_legend('levir_mci')
        yield from change_masks(
            _pairs(root if root.is_dir() else root.parent, split),
            GridReader(table, grid),
            MaskWriter(table, wording, dialect, images, plain_values(table)),
            prompt, multi_class == 'yes',
            wording.truth or masks_per_pair == 'each')


def _pairs(root: Path, split: str) -> Iterator[DatePair]:
    splits = ('train', 'val', 'test') if split == 'all' else (split, )
    for name in splits:
        folder = first_existing(root, (f'images/{name}', name),
                                'images of this split')
        labels = first_existing(folder, ('label', ), 'label folder')
        for label in sorted(labels.glob('*.png')):
            yield DatePair(label.stem, folder / 'A' / label.name,
                           folder / 'B' / label.name, label)
