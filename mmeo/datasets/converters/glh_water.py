# Copyright (c) mmeo contributors. All rights reserved.
"""GLH-water: images of 12 800 px into tiles."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Union

import numpy as np

from mmeo.errors import DataError, MissingDataError

from .colours import write_png
from .official import find_unique, require_names
from .tiles import iter_aligned_tiles

PathLike = Union[str, Path]
SPLITS = dict(train=200, val=25, test=25)
IMAGES, LABELS = ('.jpg', '.jpeg', '.png', '.tif'), ('.png', '.tif')


def convert(source: PathLike, out: PathLike, size: int = 1280,
            splits: Sequence[str] = ('val', 'test')) -> dict[str, int]:
    """Cut the official images into ``img_dir`` and ``ann_dir``.

    Tiles share nothing, so that each pixel counts once; 1280 px divide an
    image. Nobody trains on the training images here, which are left out
    unless asked for: they take some 60 GB as tiles.

    Args:
        source: Folder with ``train``, ``val`` and ``test``, each with
            ``img/`` and ``label/``.
        out: Target: PNGs of RGB and of ids, 0 background, 1 water.
        size: Side of a tile in pixels.
        splits: Those to cut.

    Returns:
        Counts per split, of images, tiles and tiles with water.

    Raises:
        MissingDataError: If images or labels are absent.
        DataError: If a label holds other values than 0 and 1 or 0 and 255,
            or has another size than its image.
    """
    counts = {}
    for split in splits:
        folder = Path(source) / split
        images = find_unique(folder / 'img', IMAGES)
        labels = find_unique(folder / 'label', LABELS)
        if len(images) != SPLITS[split]:
            raise MissingDataError(
                f'{folder}/img holds {len(images)} images; there are '
                f'{SPLITS[split]}. Unpack all archives of GLH-water there.')
        require_names(images, labels, folder / 'label', 'labels')
        tiles = wet = 0
        for name, image in images.items():
            for water in _cut(image, labels[name], name, Path(out), split,
                              size):
                tiles += 1
                wet += water
        counts.update({f'{split} images': len(images),
                       f'{split} tiles': tiles,
                       f'{split} tiles with water': wet})
    return counts


def _cut(image: Path, label: Path, name: str, out: Path, split: str,
         size: int) -> Iterator[bool]:
    """Write tiles; say of each whether it shows water."""
    for tile, (pixels, mask) in iter_aligned_tiles([image, label], size):
        mask = mask[..., 0]
        wrong = np.setdiff1d(mask, (0, 1, 255)).tolist()
        if wrong:
            raise DataError(
                f'label {label} holds {wrong[:5]} in the tile at row '
                f'{tile.row}, column {tile.col}; it is a mask of 0 and 255. '
                'Download it again.')
        stem = f'{tile.name(name)}.png'
        write_png(out / 'img_dir' / split / stem, pixels[..., :3])
        water = (mask > 0).astype(np.uint8)
        write_png(out / 'ann_dir' / split / stem, water)
        yield bool(water.any())
