# Copyright (c) mmeo contributors. All rights reserved.
"""Label rasters as ``[SEG]`` questions whose answers are masks in words."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Optional

import numpy as np

from mmeo.datasets.instruct_converters.items import (
    SPLIT,
    Dropped,
    Item,
    Option,
    register_source,
)
from mmeo.datasets.instruct_converters.legend import load_legend
from mmeo.datasets.instruct_converters.masks_draw import (
    Draw,
    Pairs,
    draw_pairs,
    every_pair,
    pairs_of,
)
from mmeo.datasets.instruct_converters.masks_grid import (
    GridReader,
    TileGrid,
    write_tiles,
)
from mmeo.datasets.instruct_converters.masks_layout import (
    FOLDERS,
    LAYOUTS,
    chosen_by_list,
    find_in_folders,
    find_labelled,
)
from mmeo.datasets.instruct_converters.masks_write import (
    GRID_OPTIONS,
    MaskWriter,
    check_style,
    plain_values,
)
from mmeo.datasets.instruct_converters.wording import Wording
from mmeo.errors import ConfigError


@register_source(
    'masks',
    title='label rasters: ' + ', '.join(LAYOUTS) + ', any folders with a '
          'legend',
    asks='where a class is; the answer is a grid of labels in words '
         '(--style rsunivlm)',
    tree='\n'.join(f'--layout {name}: {rule["tree"]}'
                   for name, rule in LAYOUTS.items())
         + f'\n--layout {FOLDERS}: ROOT/img_dir/train/NAME.png  '
           'ROOT/ann_dir/train/NAME.png  (--img-dir, --ann-dir)',
    options=(
        Option('--layout', 'how the files lie', FOLDERS,
               choices=(FOLDERS, *LAYOUTS)), SPLIT,
        Option('--legend', 'classes: a json, or one that comes with mmeo '
               '(docs); by default that of the layout'),
        Option('--only', 'text file of the images to take'),
        Option('--img-dir', f'folder of images ({FOLDERS}); default '
               'img_dir/SPLIT'),
        Option('--ann-dir', f'folder of labels ({FOLDERS}); default '
               'ann_dir/SPLIT'),
        Option('--image-end', f'what image names end in ({FOLDERS})', ''),
        Option('--label-end', f'what labels end in instead ({FOLDERS})', ''),
        Option('--tile', 'cut larger images into tiles of so many pixels; 0 '
               'takes them whole', 0, type=int),
        Option('--overlap', 'pixels that tiles share', 0, type=int),
        Option('--tile-dir', 'folder of tiles below the image root', 'tiles'),
        Option('--id-dir', 'with --truth: folder of id maps below the image '
               'root, for labels in colours', 'mask_ids'),
        *GRID_OPTIONS,
        Option('--draw', 'balanced: classes are drawn equally often; all: '
               'every class of every tile (with --truth always)', 'balanced',
               choices=('balanced', 'all')),
        Option('--count', 'samples to draw; by default the median class '
               'limits each', type=int),
        Option('--negatives', 'share of drawn samples that ask for an absent '
               'class', 0.1, type=float),
        Option('--min-cells', 'cells that make a class present', 1, type=int),
        Option('--max-ignored', 'drop tiles with a larger share of ignored '
               'pixels', 0.5, type=float),
        Option('--ask', 'legend: not for background or clutter; all: for '
               'these too', 'legend', choices=('legend', 'all'))))
def masks(root: Path, images: Path, wording: Wording, layout: str, split: str,
          legend: Optional[str], only: Optional[str],
          tile: int, overlap: int, tile_dir: str, id_dir: str, grid: int,
          dialect: str, multi_class: str, draw: str, count: Optional[int],
          negatives: float, min_cells: int, max_ignored: float, ask: str,
          **folders: str) -> Iterator[Item]:
    """Read all labels as grids, draw what is asked, then cut the images."""
    check_style(wording)
    if not 0 <= negatives < 1:
        raise ConfigError(f'--negatives {negatives}: give a share from 0 to '
                          'below 1')
    name = legend or LAYOUTS.get(layout, {}).get('legend')
    if name is None:
        raise ConfigError(f'--layout {FOLDERS} needs --legend')
    table = load_legend(name)
    plain = plain_values(table)
    reader = GridReader(
        table, grid, tile, overlap, 1.0 if wording.truth else max_ignored,
        images / id_dir if wording.truth and plain is None else None)
    found = find_labelled(root, layout, split) if layout != FOLDERS else \
        find_in_folders(root, **_folders(folders, split))
    grids: dict[int, TileGrid] = {}
    for source in chosen_by_list(found, only):
        if isinstance(source, Dropped):
            yield source
            continue
        for item in reader.read(source):
            if isinstance(item, Dropped):
                yield item
            else:
                grids[len(grids)] = item
    asked = [i for i, entry in enumerate(table.entries)
             if entry.ask or ask == 'all']
    tiles = [*grids.values()]
    pairs = pairs_of(tiles, asked, min_cells)
    chosen = every_pair(pairs) if draw == 'all' or wording.truth else \
        draw_pairs(pairs, Draw(count, negatives, min_cells), wording)
    writer = MaskWriter(table, wording, dialect, images, plain, id_dir)
    if wording.truth or draw == 'all':
        kept = chosen
    else:
        kept = yield from _count_rest(tiles, pairs, chosen)
    questions = _single(kept, asked) if multi_class == 'no' else _several(
        kept, asked, pairs, negatives, wording, tiles)
    yield from _written(tiles, questions, writer, images / tile_dir, tile,
                        overlap)


def _folders(given: dict, split: str) -> dict:
    return dict(images=given['img_dir'] or f'img_dir/{split}',
                labels=given['ann_dir'] or f'ann_dir/{split}',
                image_end=given['image_end'], label_end=given['label_end'])


def _count_rest(tiles: Sequence[TileGrid], pairs: Pairs,
                chosen: list[tuple[int, int]]) -> Iterator[Dropped]:
    """Count present classes that are not asked for; hand on what is."""
    taken = set(chosen)
    for row, column in np.argwhere(pairs.present):
        if (int(row), int(column)) not in taken:
            yield Dropped('class not drawn in this tile (balance)',
                          tiles[row].key, flaw=False)
    for row, _ in np.argwhere(pairs.small):
        yield Dropped('class too small for the grid', tiles[row].key,
                      flaw=False)
    return chosen


def _single(chosen: Sequence[tuple[int, int]], asked: Sequence[int]
            ) -> list[tuple[int, tuple[int, ...]]]:
    return [(row, (asked[column], )) for row, column in chosen]


def _several(chosen: Sequence[tuple[int, int]], asked: Sequence[int],
             pairs: Pairs, negatives: float, wording: Wording,
             tiles: Sequence[TileGrid]
             ) -> list[tuple[int, tuple[int, ...]]]:
    """One question a tile: its classes, and some that it has not.

    In evaluation all classes are asked for.
    """
    questions = []
    for row in sorted({row for row, _ in chosen}):
        if wording.truth:
            questions.append((row, tuple(asked)))
            continue
        present = np.flatnonzero(pairs.present[row]).tolist()
        absent = np.flatnonzero(pairs.absent[row]).tolist()
        random = wording.random(f'several:{tiles[row].key}')
        wanted = len(present) * negatives / (1 - negatives)
        number = int(wanted) + (random.random() < wanted % 1)
        number = max(number, 0 if present else 1)
        columns = sorted(present + random.sample(
            absent, min(number, len(absent))))
        if columns:
            questions.append((row, tuple(asked[c] for c in columns)))
    return questions


def _written(tiles: Sequence[TileGrid],
             questions: list[tuple[int, tuple[int, ...]]],
             writer: MaskWriter, folder: Path, size: int,
             overlap: int) -> Iterator[Item]:
    """Samples image by image; tiles are cut when their image is reached."""
    for image, group in groupby(questions,
                                lambda q: tiles[q[0]].source.image):
        by_tile = defaultdict(list)
        for row, classes in group:
            by_tile[row].append(classes)
        files = {tiles[row].tile: folder / f'{tiles[row].key}.png'
                 for row in by_tile if tiles[row].tile}
        failed = {tile: reason for tile, reason in write_tiles(
            image, files, size, overlap) if reason} if files else {}
        for row, asked in by_tile.items():
            grid = tiles[row]
            picture = files.get(grid.tile, image)
            for classes in asked:
                if grid.tile in failed:
                    yield Dropped(failed[grid.tile], str(image))
                else:
                    yield writer.sample(grid, (picture, ), classes)
