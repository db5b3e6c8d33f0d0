# Copyright (c) mmeo contributors. All rights reserved.
"""ISPRS Potsdam: 38 scenes of 6000 px into tiles with class ids."""

from collections import Counter
from pathlib import Path
from typing import Union

import numpy as np

from mmeo.datasets.seg_benchmarks import PotsdamDataset

from .colours import colours_to_ids, write_png
from .official import find_unique, require_names
from .tiles import iter_aligned_tiles

PathLike = Union[str, Path]
#: The 24 scenes that came with labels in the contest, and the 14 of its test.
SPLITS = dict(
    train=('2_10', '2_11', '2_12', '3_10', '3_11', '3_12', '4_10', '4_11',
           '4_12', '5_10', '5_11', '5_12', '6_7', '6_8', '6_9', '6_10',
           '6_11', '6_12', '7_7', '7_8', '7_9', '7_10', '7_11', '7_12'),
    test=('2_13', '2_14', '3_13', '3_14', '4_13', '4_14', '4_15', '5_13',
          '5_14', '5_15', '6_13', '6_14', '6_15', '7_13'))
PREFIX = 'top_potsdam_'
#: Black, the eroded outlines of the label set without boundaries, is id 0.
PALETTE = [[0, 0, 0], *PotsdamDataset.METAINFO['palette']]
LABELS = {'all': '_label.tif', 'no-boundary': '_label_noBoundary.tif'}


def convert(source: PathLike, out: PathLike, size: int = 512,
            overlap: int = 256, test_size: int = 1000, labels: str = 'all'
            ) -> dict[str, int]:
    """Cut the official scenes into ``img_dir`` and ``ann_dir``.

    Args:
        source: Where ``2_Ortho_RGB.zip`` and ``5_Labels_all.zip`` (or
            ``5_Labels_all_noBoundary.zip``) were unpacked.
        out: Target folder.
        size: Side of a training tile in pixels (mmseg's convention: 512).
        overlap: Pixels that training tiles share (mmseg's convention: 256).
        test_size: Side of a test tile; they share nothing. 1000 divides the
            6000 px of a scene, so that each pixel counts once.
        labels: ``'all'``, or ``'no-boundary'``, in which outlines are ignored.

    Returns:
        Counts per split, of scenes and tiles; ``rounded pixels`` of training
        and test labels whose colour was not quite pure (a few hold 252 for
        255).

    Raises:
        MissingDataError: If a scene or its label is absent.
        DataError: If a label has another size or a colour of no class.
    """
    images = _scenes(source, '_RGB.tif')
    maps = _scenes(source, LABELS[labels])
    every = [scene for split in SPLITS.values() for scene in split]
    require_names(every, images, source, f'images {PREFIX}..._RGB.tif')
    require_names(every, maps, source, f'labels {PREFIX}...{LABELS[labels]}')
    counts: Counter = Counter()
    for split, scenes in SPLITS.items():
        side, shared = (size, overlap) if split == 'train' else (test_size, 0)
        for scene in scenes:
            tiles, rounded = _cut(images[scene], maps[scene], scene,
                                  Path(out), split, side, shared)
            counts.update({f'{split} scenes': 1, f'{split} tiles': tiles,
                           'rounded pixels': rounded})
    return dict(counts)


def _scenes(source: PathLike, suffix: str) -> dict[str, Path]:
    return {name.removeprefix(PREFIX): path
            for name, path in find_unique(source, (suffix, )).items()
            if name.startswith(PREFIX)}


def _cut(image: Path, label: Path, scene: str, out: Path, split: str,
         size: int, overlap: int) -> tuple[int, int]:
    """Write the tiles of a scene; their number, and that of odd pixels."""
    tiles = rounded = 0
    for tile, (pixels, colours) in iter_aligned_tiles([image, label], size,
                                                      overlap):
        name = f'{tile.name(scene)}.png'
        pure = _purify(colours[..., :3])
        rounded += int((pure != colours[..., :3]).any(-1).sum())
        ids = colours_to_ids(pure, PALETTE, label, tile[:2])
        write_png(out / 'img_dir' / split / name, pixels[..., :3])
        write_png(out / 'ann_dir' / split / name, ids)
        tiles += 1
    return tiles, rounded


def _purify(colours: np.ndarray) -> np.ndarray:
    """Values of up to 5 to 0 and from 250 to 255; others stay wrong."""
    near = np.where(colours >= 250, 255, colours)
    return np.where(colours <= 5, 0, near).astype(np.uint8)
