# Copyright (c) mmeo contributors. All rights reserved.
"""WHU-CD, LEVIR-CD and the like: masks of change in A, B and label."""

from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from mmeo.datasets.instruct_converters.files import (
    find_image,
    first_existing,
    listed,
    walk_images,
)
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    register_source,
)
from mmeo.datasets.instruct_converters.legend import (
    Entry,
    Legend,
    load_legend,
)
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
from mmeo.errors import ConfigError


@register_source(
    'change_masks',
    title='masks of change: WHU-CD, LEVIR-CD and others in A, B, label',
    asks='two dates: where something has changed (--style rsunivlm)',
    tree='ROOT/A/NAME.png  ROOT/B/NAME.png  ROOT/label/NAME.png  '
         '[ROOT/list/test.txt]\n(other names: --first, --second, --labels)',
    options=(
        Option('--first', 'folder of the first date', 'A'),
        Option('--second', 'folder of the second date', 'B'),
        Option('--labels', 'folder of the labels', 'label'),
        Option('--only', 'text file of the names to take, e.g. '
               'ROOT/list/test.txt'),
        Option('--what', 'what changes', 'building'),
        Option('--changed-value', 'label value of change', 255, type=int),
        Option('--legend', 'json of classes of change, or levir_mci (instead '
               'of --what)'), PROMPTS, *GRID_OPTIONS))
def whu_cd(root: Path, images: Path, wording: Wording, first: str,
           second: str, labels: str, only: Optional[str], what: str,
           changed_value: int, legend: Optional[str], prompt: str,
           grid: int, dialect: str, multi_class: str) -> Iterator[Item]:
    """One question a pair and class."""
    check_style(wording)
    table = load_legend(legend) if legend else Legend([
        Entry('unchanged', (0, ), ask=False), Entry(what, (changed_value, ))])
    values = plain_values(table)
    if values is None and wording.truth:
        raise ConfigError(f'--legend {legend}: with --truth, labels of change '
                          'need one value a class')
    places = [first_existing(root, (name, ), f'folder {name} ({flag})')
              for name, flag in ((first, '--first'), (second, '--second'),
                                 (labels, '--labels'))]
    names = listed(only)
    found, dropped = _pairs(places, names)
    yield from dropped
    yield from change_masks(
        iter(found), GridReader(table, grid),
        MaskWriter(table, wording, dialect, images, values), prompt,
        multi_class == 'yes')


def _pairs(places: list[Path], names: Optional[list[str]]
           ) -> tuple[list[DatePair], list[Dropped]]:
    first, second, labels = places
    wanted = None if names is None else {
        str(Path(name).with_suffix('')) for name in names}
    pairs, dropped, met = [], [], set()
    for name in walk_images(first):
        stem = str(Path(name).with_suffix(''))
        if wanted is not None and stem not in wanted:
            dropped.append(Dropped('pair is not on the list (--only)', name,
                                   flaw=False))
            continue
        met.add(stem)
        pairs.append(DatePair(
            stem.replace('/', '_'), first / name,
            second / find_image(second, name)[0],
            labels / find_image(labels, name)[0]))
    dropped += [Dropped('pair of the list is missing', name)
                for name in sorted((wanted or set()) - met)]
    return pairs, dropped
