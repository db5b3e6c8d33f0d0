# Copyright (c) mmeo contributors. All rights reserved.
"""ISPRS Vaihingen: 33 scenes of some 2000 px into tiles with class ids."""

from collections import Counter
from pathlib import Path
from typing import Union

from .colours import colours_to_ids, write_png
from .official import find_unique, require_names
from .potsdam import PALETTE
from .tiles import iter_aligned_tiles

PathLike = Union[str, Path]
#: The 16 areas that came with labels in the contest, and the 17 of its test.
SPLITS = dict(
    train=(1, 3, 5, 7, 11, 13, 15, 17, 21, 23, 26, 28, 30, 32, 34, 37),
    test=(2, 4, 6, 8, 10, 12, 14, 16, 20, 22, 24, 27, 29, 31, 33, 35, 38))
PREFIX = 'top_mosaic_09cm_area'
LABELS = {'all': ('_ground_truth_COMPLETE', '.tif'),
          'no-boundary': ('_ground_truth_eroded_COMPLETE',
                          '_noBoundary.tif')}
ARCHIVE = 'ISPRS_semantic_labeling_Vaihingen'


def convert(source: PathLike, out: PathLike, size: int = 512,
            overlap: int = 256, labels: str = 'all') -> dict[str, int]:
    """Cut the official scenes into ``img_dir`` and ``ann_dir``.

    Args:
        source: Folder of the images, anywhere below ``top/``, and of the
            labels, in ``ISPRS_semantic_labeling_Vaihingen_ground_truth_...``
            as the archive is named.
        out: Target folder.
        size: Side of a training tile in pixels (mmseg's convention: 512).
        overlap: Pixels that training tiles share (mmseg's convention: 256).
            Test scenes stay whole: the model slides over them.
        labels: ``'all'``, or ``'no-boundary'``, in which outlines are
            ignored.

    Returns:
        Counts per split, of scenes and tiles.

    Raises:
        MissingDataError: If a scene or its label is absent.
        DataError: If a label has another size or a colour of no class.
    """
    root = Path(source)
    ending, suffix = LABELS[labels]
    images = _areas(next(iter(sorted(root.rglob('top'))), root / 'top'),
                    '.tif')
    maps = _areas(root / f'{ARCHIVE}{ending}', suffix)
    every = [str(area) for split in SPLITS.values() for area in split]
    require_names(every, images, root, f'images top/{PREFIX}N.tif')
    require_names(every, maps, root / f'{ARCHIVE}{ending}',
                  f'labels {PREFIX}N{suffix}')
    counts: Counter = Counter()
    for split, areas in SPLITS.items():
        for area in map(str, areas):
            side, shared = ((size, overlap) if split == 'train'
                            else (1 << 20, 0))
            counts[f'{split} scenes'] += 1
            counts[f'{split} tiles'] += _cut(
                images[area], maps[area], f'area{area}', Path(out), split,
                side, shared)
    return dict(counts)


def _areas(folder: Path, suffix: str) -> dict[str, Path]:
    return {name.removeprefix(PREFIX): path
            for name, path in find_unique(folder, (suffix, )).items()
            if name.startswith(PREFIX)}


def _cut(image: Path, label: Path, scene: str, out: Path, split: str,
         size: int, overlap: int) -> int:
    tiles = 0
    for tile, (pixels, colours) in iter_aligned_tiles([image, label], size,
                                                      overlap):
        name = f'{tile.name(scene)}.png'
        write_png(out / 'img_dir' / split / name, pixels[..., :3])
        write_png(out / 'ann_dir' / split / name, colours_to_ids(
            colours[..., :3], PALETTE, label, tile[:2]))
        tiles += 1
    return tiles
