# Copyright (c) mmeo contributors. All rights reserved.
"""Crops at any place: images that share pixels.

A 16 x 16 block is chosen by its own content (a rolling hash), so that the
same blocks are chosen in every image that contains them, wherever they lie.
Blocks that two images share at one offset are a crop or an overlap. It is
exact: only crops stored without loss, at the same scale, are found.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from mmeo.datasets.leakage.image_set import ImageSet
from mmeo.datasets.leakage.pixels import read_pixels
from mmeo.datasets.leakage.scan import run_jobs
from mmeo.errors import DataError

BLOCK = 16  # pixels
_EVERY = 1024  # one block is chosen of so many
_LEVELS = 8  # different values that a block needs: no sky, no border
_ACROSS = np.uint64(0x9E3779B97F4A7C15)
_DOWN = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX = np.uint64(0xFF51AFD7ED558CCD)


class Overlap(NamedTuple):
    """Two images with common pixels.

    Attributes:
        train (int): Image of the training set.
        test (int): Image of the test set.
        offset (tuple[int, int]): ``x, y`` in the training image where the
            test image begins.
        blocks (int): Common blocks.
        share (float): Of the blocks chosen in the test image.
    """

    train: int
    test: int
    offset: tuple[int, int]
    blocks: int
    share: float


class BlockIndex:
    """Chosen blocks of the test images, sorted by hash.

    Args:
        images (Sequence[tuple]): ``(hash, x, y)`` of each image.
    """

    def __init__(self, images: Sequence[tuple]) -> None:
        numbers = np.repeat(np.arange(len(images)),
                            [len(found[0]) for found in images])
        hashes, x, y = (np.concatenate([f[k] for f in images])
                        for k in range(3))
        order = np.argsort(hashes, kind='stable')
        self.hashes = hashes[order]
        self.rows = np.stack([numbers, x, y], 1).astype(np.int32)[order]
        self.totals = np.bincount(numbers, minlength=len(images))

    def find(self, hashes: np.ndarray, x: np.ndarray, y: np.ndarray,
             min_blocks: int) -> list[tuple]:
        """``(test, dx, dy, blocks)`` of images that share enough blocks."""
        low = np.searchsorted(self.hashes, hashes, 'left')
        count = np.searchsorted(self.hashes, hashes, 'right') - low
        source = np.repeat(np.arange(len(hashes)), count)
        if not len(source):
            return []
        step = np.arange(len(source)) - np.repeat(
            np.cumsum(count) - count, count)
        hits = self.rows[np.repeat(low, count) + step]
        votes = np.stack([hits[:, 0], x[source] - hits[:, 1],
                          y[source] - hits[:, 2]], 1)
        found, number = np.unique(votes, axis=0, return_counts=True)
        return [(*map(int, row), int(n))
                for row, n in zip(found[number >= min_blocks],
                                  number[number >= min_blocks])]


def chosen_blocks(pixels: np.ndarray
                  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Blocks that the content chooses, about one in 1024 places.

    Args:
        pixels (np.ndarray): ``(H, W, C)``.

    Returns:
        tuple: Hashes (uint64), columns and rows of the blocks' corners.
    """
    empty = np.zeros(0, np.uint64), np.zeros(0, int), np.zeros(0, int)
    if min(pixels.shape[:2]) < BLOCK:
        return empty
    values = np.zeros(pixels.shape[:2], np.uint64)
    for band in range(pixels.shape[2]):
        plane = np.ascontiguousarray(pixels[..., band])
        values = values * np.uint64(65599) + plane.view(
            f'u{plane.itemsize}').astype(np.uint64)
    values *= _MIX
    values ^= values >> np.uint64(32)
    rolled = _roll(_roll(values, _ACROSS, 1), _DOWN, 0)
    rolled *= _MIX
    rolled ^= rolled >> np.uint64(33)
    y, x = np.nonzero(rolled % np.uint64(_EVERY) == 0)
    varied = np.array([_varied(pixels[r:r + BLOCK, c:c + BLOCK])
                       for r, c in zip(y, x)], bool)
    return rolled[y, x][varied], x[varied], y[varied]


def _roll(values: np.ndarray, factor: np.uint64, axis: int) -> np.ndarray:
    """Polynomial of 16 neighbours, by doubling their number four times."""
    width = 1
    while width < BLOCK:
        length = values.shape[axis] - width
        values = values.take(np.arange(length), axis) + factor * values.take(
            np.arange(width, width + length), axis)
        with np.errstate(over='ignore'):
            factor = factor * factor
        width *= 2
    return values


def _varied(block: np.ndarray) -> bool:
    return len(np.unique(block[..., 0])) >= _LEVELS


def shared_pixels(train: ImageSet, test: ImageSet, workers: int = 1,
                  min_blocks: int = 3) -> Iterator[Overlap]:
    """Images of two sets that have pixels in common.

    Unreadable images are passed over; :func:`~mmeo.datasets.leakage.scan.scan`
    counts them.

    Args:
        train (ImageSet): Read once, nothing of it is kept.
        test (ImageSet): Its blocks are held in memory, 20 bytes each.
        workers (int): Processes. Defaults to 1.
        min_blocks (int): Blocks at the same offset that make a match.
            Defaults to 3.
    """
    index = BlockIndex(list(run_jobs(_blocks, test.paths, workers)))
    job = partial(_find, index, min_blocks)
    for number, found in enumerate(run_jobs(job, train.paths, workers)):
        best: dict[int, tuple] = {}
        for which, dx, dy, blocks in found:
            if which not in best or blocks > best[which][2]:
                best[which] = dx, dy, blocks
        for which, (dx, dy, blocks) in best.items():
            yield Overlap(number, which, (dx, dy), blocks,
                          blocks / max(int(index.totals[which]), 1))


def _blocks(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    try:
        return chosen_blocks(read_pixels(path))
    except DataError:
        return np.zeros(0, np.uint64), np.zeros(0, int), np.zeros(0, int)


def _find(index: BlockIndex, min_blocks: int, path: str) -> list[tuple]:
    return index.find(*_blocks(path), min_blocks)
