# Copyright (c) mmeo contributors. All rights reserved.
"""GVLM: the images after 17 landslides into tiles."""

from pathlib import Path
from typing import Union

import numpy as np

from mmeo.errors import DataError, MissingDataError

from .colours import write_png
from .official import require_names
from .report import Report
from .tiles import iter_aligned_tiles

PathLike = Union[str, Path]
NUM_SITES = 17
#: Sites that examples come from, drawn once with seed 0 from the sorted
#: names (our choice: there is no official split).
SUPPORT = ('Askja_Iceland', 'Big Sur_United States', 'Los Lagos_Chile',
           'Osh_Kyrgyzstan')


def convert(source: PathLike, out: PathLike, size: int = 1024) -> Report:
    """Cut image and mask of each site into ``img_dir`` and ``ann_dir``.

    Of the pair of images the later one is taken: a single image shows a
    landslide, and the paper's "Post" says as much.

    Args:
        source: Folder of the 17 sites, each with ``im1.png``, ``im2.png``
            and ``ref.png``.
        out: Target: ``train`` of the sites in :data:`SUPPORT`, for examples,
            ``test`` of all others; ids 0 background, 1 landslide.
        size: Side of a tile in pixels; the last of a side overlap others.

    Returns:
        Counts of sites, tiles and tiles with landslides.

    Raises:
        MissingDataError: If sites or files are absent.
        DataError: If a mask is not black and white, or of another size.
    """
    sites = {path.parent.name: path.parent
             for path in sorted(Path(source).glob('*/ref.png'))}
    require_names(SUPPORT, sites, source, 'sites')
    if len(sites) != NUM_SITES:
        raise MissingDataError(f'{source} holds {len(sites)} sites with a '
                               f'ref.png; there are {NUM_SITES}.')
    report = Report()
    for name, folder in sites.items():
        split = 'train' if name in SUPPORT else 'test'
        report.counts[f'{split} sites'] += 1
        _cut(folder, name.replace(' ', '-'), Path(out), split, size, report)
    return report


def _cut(folder: Path, name: str, out: Path, split: str, size: int,
         report: Report) -> None:
    image, mask = folder / 'im2.png', folder / 'ref.png'
    if not image.is_file():
        raise MissingDataError(f'{image} does not exist: unpack GVLM again.')
    for tile, (pixels, ref) in iter_aligned_tiles([image, mask], size):
        ref = ref[..., 0]
        wrong = np.setdiff1d(ref, (0, 1, 255)).tolist()
        if wrong:
            raise DataError(
                f'{mask} holds {wrong[:5]} in the tile at row {tile.row}, '
                f'column {tile.col}; it is a mask of 0 and 255. Download it '
                'again.')
        stem = f'{tile.name(name)}.png'
        write_png(out / 'img_dir' / split / stem, pixels[..., :3])
        write_png(out / 'ann_dir' / split / stem,
                  (ref > 0).astype(np.uint8))
        report.counts[f'{split} tiles'] += 1
        report.counts[f'{split} tiles with landslide'] += bool(ref.any())
