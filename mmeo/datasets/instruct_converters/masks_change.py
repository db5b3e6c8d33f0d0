# Copyright (c) mmeo contributors. All rights reserved.
"""Labels of change as ``[SEG]`` questions about two dates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmeo.datasets.instruct_converters.files import image_size
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Unusable,
)
from mmeo.datasets.instruct_converters.masks_grid import GridReader, TileGrid
from mmeo.datasets.instruct_converters.masks_layout import LabelledImage
from mmeo.datasets.instruct_converters.masks_write import MaskWriter

PROMPTS = Option(
    '--prompt', 'text: of section 10 of the paper; figure: of its figure 6; '
    'both: one of the two a sample; auto: both, and text with --truth',
    'auto', choices=('auto', 'text', 'figure', 'both'))
_TEMPLATES = dict(text=('change_segment', ),
                  figure=('change_segment_figure', ),
                  both=('change_segment', 'change_segment_figure'))


@dataclass(frozen=True)
class DatePair:
    """Two dates and the label of what has changed.

    Attributes:
        key (str): Unique in the set.
        first (Path): Earlier date.
        second (Path): Later date.
        label (Path): Label.
    """

    key: str
    first: Path
    second: Path
    label: Path


def change_masks(pairs: Iterator[DatePair], reader: GridReader,
                 writer: MaskWriter, prompt: str, multi_class: bool,
                 each: bool = True) -> Iterator[Item]:
    """Samples of all pairs.

    Args:
        pairs (Iterator[DatePair]): The pairs.
        reader (GridReader): Reads their labels.
        writer (MaskWriter): Makes the samples.
        prompt (str): See :data:`PROMPTS`.
        multi_class (bool): All classes in one answer.
        each (bool): Ask for every class of a pair; otherwise for one, of
            those that have changed where any has. Defaults to True.
    """
    wording = writer.wording
    if prompt == 'auto':
        prompt = 'text' if wording.truth else 'both'
    templates = _TEMPLATES[prompt]
    asked = [i for i, entry in enumerate(writer.table.entries) if entry.ask]
    for pair in pairs:
        try:
            grid = _read(pair, reader)
        except Unusable as error:
            yield error.drop(str(pair.label))
            continue
        if isinstance(grid, Dropped):
            yield grid
            continue
        groups = [asked] if multi_class else [[i] for i in asked]
        if not each and not multi_class:
            groups = [[_one(grid, asked, writer)]]
        for classes in groups:
            if any(grid.pixels[i] and not grid.cells[i] for i in classes) \
                    and not wording.truth:
                yield Dropped('change too small for the grid', pair.key,
                              flaw=False)
                continue
            template, = wording.choose(f'{pair.key}:{classes}', templates, 1)
            yield writer.sample(grid, (pair.first, pair.second), classes,
                                template)


def _read(pair: DatePair, reader: GridReader) -> TileGrid | Dropped:
    source = LabelledImage(pair.key, pair.first, pair.label)
    for path in (pair.first, pair.second):
        if not path.is_file():
            raise Unusable('image missing', str(path))
    if not pair.label.is_file():
        raise Unusable('label missing')
    if image_size(pair.first) != image_size(pair.second):
        raise Unusable('the two dates differ in size', str(pair.second))
    grid, = reader.read(source)
    return grid


def _one(grid: TileGrid, asked: Sequence[int], writer: MaskWriter) -> int:
    """A class that has changed, or any if none has."""
    changed = [i for i in asked if grid.cells[i]]
    return writer.wording.choose(f'class:{grid.key}', changed or asked, 1)[0]
