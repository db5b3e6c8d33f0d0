# Copyright (c) mmeo contributors. All rights reserved.
"""Change pairs: cut into tiles with lists of names, or checked as they are."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import DataError, MissingDataError

from .colours import write_png
from .tiles import iter_aligned_tiles, iter_tiles

PathLike = Union[str, Path]


class Pair(NamedTuple):
    """Files of one scene: earlier date, later date, mask."""

    name: str
    before: Path
    after: Path
    mask: Path


def find_pairs(root: PathLike, split: str,
               folders: Sequence[str] = ('A', 'B', 'label'),
               suffix: str = '.png') -> list[Pair]:
    """Pairs of ``root/split/{A,B,label}`` by name.

    Raises:
        MissingDataError: If there is none, or a counterpart is absent.
    """
    first, second, mask = (Path(root) / split / f for f in folders)
    names = sorted(path.name for path in first.glob(f'*{suffix}'))
    if not names:
        raise MissingDataError(f'no image ending in {suffix!r} in {first}. '
                               'Give the folder of the official tree; see '
                               'docs/en/datasets_change.md.')
    for folder in (second, mask):
        others = {path.name for path in folder.glob(f'*{suffix}')}
        odd = sorted(others ^ set(names))
        if odd:
            raise MissingDataError(
                f'{len(odd)} names are not in both {first} and {folder}; '
                f'first: {odd[0]}. Unpack the data set again.')
    return [Pair(Path(name).stem, first / name, second / name, mask / name)
            for name in names]


def cut_pair(pair: Pair, out: PathLike, size: int) -> Iterator[str]:
    """Cut a pair into ``out/{A,B,label}/NAME_row_col.png``.

    The last tiles of a side end at its border and so overlap others. Masks
    are written as 0 and 255.

    Args:
        pair: Pictures or GeoTIFFs of one size.
        out: Target folder.
        size: Side of a tile in pixels.

    Yields:
        Names of the tiles, without suffix.

    Raises:
        DataError: If the three differ in size or the mask is not grey.
    """
    files = (pair.before, pair.after, pair.mask)
    threshold = _threshold(pair.mask)
    for tile, (before, after, mask) in iter_aligned_tiles(files, size):
        name = f'{pair.name}_{tile.row:04d}_{tile.col:04d}'
        write_png(Path(out) / 'A' / f'{name}.png', before[..., :3])
        write_png(Path(out) / 'B' / f'{name}.png', after[..., :3])
        write_png(Path(out) / 'label' / f'{name}.png',
                  _binary(mask, threshold, pair.mask))
        yield name


def _threshold(path: Path) -> int:
    """Lowest value of 'changed': masks are drawn in 0 and 1, or to 255."""
    highest = max(int(pixels.max()) for _, pixels in iter_tiles(path, 4096))
    return 1 if highest == 1 else 128


def _binary(mask: np.ndarray, threshold: int, path: Path) -> np.ndarray:
    """A grey mask ``(H, W, bands)`` as 0 and 255, ``(H, W)``."""
    if mask.shape[2] >= 3 and (mask[..., :3] != mask[..., :1]).any():
        raise DataError(f'mask {path} is coloured; a grey one is needed.')
    return (mask[..., 0] >= threshold).astype(np.uint8) * 255


def write_list(out: PathLike, split: str, names: Iterable[str]) -> None:
    """Write ``out/list/SPLIT.txt``, one name with suffix a line."""
    path = Path(out) / 'list' / f'{split}.txt'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{name}.png\n' for name in names))


def check(root: PathLike, folders: Sequence[str], suffix: str,
          splits: Sequence[str] = ('train', 'val', 'test')
          ) -> dict[str, Union[int, float]]:
    """Read every pair of an official tree and report what is there.

    Args:
        root: Folder of the splits.
        folders: Those of the earlier date, the later date and the mask.
        suffix: Ending of all files.
        splits: Those to check.

    Returns:
        Per split the number of pairs and the share of changed pixels in
        percent; ``blurred pixels``: mask values from 32 to 223, as JPEG makes
        them at outlines, in percent of all.

    Raises:
        MissingDataError: If a counterpart is absent.
        DataError: If a file is corrupt, sizes differ or a mask is coloured.
    """
    report: dict[str, Union[int, float]] = {}
    blurred = pixels = 0
    for split in splits:
        pairs = find_pairs(root, split, folders, suffix)
        changed = total = 0
        for pair in pairs:
            mask = read_label(str(pair.mask), allow_grey_rgb=True)
            sizes = {read_picture(str(path)).size
                     for path in (pair.before, pair.after)}
            if sizes != {mask.shape[::-1]}:
                raise DataError(f'{pair.before}, {pair.after} and {pair.mask} '
                                'differ in size.')
            changed += int((mask >= 128).sum())
            blurred += int(((mask >= 32) & (mask < 224)).sum())
            total += mask.size
        report[f'{split} pairs'] = len(pairs)
        report[f'{split} changed %'] = round(100 * changed / total, 3)
        pixels += total
    report['blurred pixels %'] = round(100 * blurred / pixels, 3)
    return report
