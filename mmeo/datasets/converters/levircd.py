# Copyright (c) mmeo contributors. All rights reserved.
"""LEVIR-CD: pairs of 1024 px into tiles of 256 px."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

from mmeo.errors import DataError

from .change_tiles import cut_pair, find_pairs, write_list

PathLike = Union[str, Path]


def convert(source: PathLike, out: PathLike, size: int = 256,
            splits: Sequence[str] = ('train', 'val', 'test')
            ) -> dict[str, int]:
    """Cut the official tree.

    Args:
        source: Folder with ``train``, ``val`` and ``test``, each with ``A``,
            ``B`` and ``label``.
        out: Target: ``A``, ``B``, ``label`` and ``list/SPLIT.txt``.
        size: Side of a tile in pixels. Defaults to 256.
        splits: Those to cut.

    Returns:
        Counts of pairs and tiles per split.

    Raises:
        DataError: If two splits have a pair of one name.
    """
    counts, seen = {}, {}
    for split in splits:
        pairs = find_pairs(source, split)
        for pair in pairs:  # official names begin with their split
            if seen.setdefault(pair.name, split) != split:
                raise DataError(f'{pair.before}: {seen[pair.name]} has a pair '
                                'of this name, too. Unpack LEVIR-CD again.')
        names = [name for pair in pairs for name in cut_pair(pair, out, size)]
        write_list(out, split, names)
        counts[f'{split} pairs'] = len(pairs)
        counts[f'{split} tiles'] = len(names)
    return counts
