# Copyright (c) mmeo contributors. All rights reserved.
"""WHU-CD: the two large aerial images of Christchurch into tiles."""

from collections.abc import Mapping
from pathlib import Path
from typing import Union

import numpy as np

from mmeo.errors import ConfigError

from .change_tiles import Pair, cut_pair, write_list

PathLike = Union[str, Path]


def convert(before: PathLike, after: PathLike, mask: PathLike, out: PathLike,
            splits: Mapping[str, float], size: int = 256, seed: int = 0,
            name: str = 'whucd') -> dict[str, int]:
    """Cut an area into tiles and share them among splits.

    The official files have a train and a test area: run this once for each,
    ``splits=dict(train=1.0)`` and ``splits=dict(test=1.0)``. Other papers cut
    the whole image and draw the splits at random:
    ``splits=dict(train=0.8, val=0.1, test=0.1)``.

    Args:
        before: GeoTIFF of 2012.
        after: GeoTIFF of 2016.
        mask: GeoTIFF of the change label, values 0 and 1 or 0 and 255.
        out: Target: ``A``, ``B``, ``label`` and ``list/SPLIT.txt``. A second
            area is added to the lists of the first, in other splits.
        splits: Share of the tiles in each split; they sum to 1.
        size: Side of a tile in pixels. Defaults to 256.
        seed: Of the draw. Defaults to 0.
        name: In front of the tiles' names: one per area.

    Returns:
        Tiles per split.

    Raises:
        ConfigError: If shares do not sum to 1, or a split is there already.
        DataError: If the images differ in size.
    """
    if abs(sum(splits.values()) - 1) > 1e-6 or min(splits.values()) < 0:
        raise ConfigError(f'splits {dict(splits)}: shares must sum to 1.')
    for split in splits:
        path = Path(out) / 'list' / f'{split}.txt'
        if path.exists():
            raise ConfigError(f'{path} exists: remove it, or name another '
                              'split or folder.')
    pair = Pair(name, Path(before), Path(after), Path(mask))
    tiles = np.array(sorted(cut_pair(pair, out, size)))
    order = np.random.default_rng(seed).permutation(len(tiles))
    ends = np.rint(np.cumsum(list(splits.values())) * len(tiles)).astype(int)
    counts, start = {}, 0
    for split, end in zip(splits, ends):
        write_list(out, split, sorted(tiles[order[start:end]]))
        counts[f'{split} tiles'] = int(end - start)
        start = end
    return counts
