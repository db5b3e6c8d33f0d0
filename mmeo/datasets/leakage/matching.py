# Copyright (c) mmeo contributors. All rights reserved.
"""Which prints of two sets belong to the same picture."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mmeo.datasets.leakage.prints import (
    ORIENTATIONS,
    orientation_name,
    oriented,
    perceptual_hash,
)
from mmeo.datasets.leakage.scan import PrintTable, is_whole
from mmeo.errors import ConfigError

_TRAIN_BLOCK, _TEST_BLOCK = 4096, 64  # a block of distances fits the cache


class Match(NamedTuple):
    """Two prints that agree.

    Attributes:
        kind (str): 'file', 'pixels' or 'near'.
        train (int): Row of the training table.
        test (int): Row of the test table.
        distance (int): Bits of the hash that differ.
        correlation (float): Of the thumbnails.
        orientation (str): How the test image is turned to fit.
    """

    kind: str
    train: int
    test: int
    distance: int = 0
    correlation: float = 1.0
    orientation: str = 'upright'


@dataclass(frozen=True)
class NearSettings:
    """When two images count as nearly the same; our choice.

    Attributes:
        max_distance (int): Bits of the 63-bit hash that may differ. It only
            finds candidates. Defaults to 12.
        min_correlation (float): Of the 32 x 32 thumbnails; decides. Defaults
            to 0.85: copies by JPEG at quality 20, at half the size or with
            another gamma reach 0.91, one place at two dates 0.74 (LEVIR-CD).
        min_contrast (float): Images whose thumbnail varies less (standard
            deviation, of 255 levels) hold nothing to compare and are left
            out. Defaults to 2.
        orientations (bool): Also turned and flipped. Defaults to True.
    """

    max_distance: int = 12
    min_correlation: float = 0.85
    min_contrast: float = 2.0
    orientations: bool = True

    def check(self) -> 'NearSettings':
        """Raise ConfigError if a limit makes no sense."""
        if not 0 <= self.max_distance < 32:
            raise ConfigError(f'a distance of {self.max_distance} bits: give '
                              '0 to 31; chance alone gives 32')
        if not 0 < self.min_correlation <= 1:
            raise ConfigError(f'a correlation of {self.min_correlation}: '
                              'give a number above 0 and up to 1')
        return self


def exact_matches(train: PrintTable, test: PrintTable) -> Iterator[Match]:
    """Equal files, and equal pixels in different files.

    Images of a single value (no data) are left out: they are all equal.
    """
    found: set[tuple[int, int]] = set()
    for kind in ('file', 'pixels'):
        digests = getattr(train, kind)
        places = defaultdict(list)
        for row in np.flatnonzero((train.contrast > 0) & (digests != b'')):
            places[digests[row]].append(int(row))
        others = getattr(test, kind)
        for row in np.flatnonzero((test.contrast > 0) & (others != b'')):
            for place in places.get(others[row], ()):
                if (place, int(row)) not in found:
                    found.add((place, int(row)))
                    yield Match(kind, place, int(row))


def near_matches(train: PrintTable, test: PrintTable,
                 settings: NearSettings) -> Iterator[Match]:
    """Images that look alike; each pair once, in its best orientation.

    All pairs of hashes are compared: exact, and a thousand million pairs
    take seconds.
    """
    settings.check()
    rows = np.flatnonzero(train.contrast >= settings.min_contrast)
    others = np.flatnonzero(test.contrast >= settings.min_contrast)
    if not len(rows) or not len(others):
        return
    hashes = perceptual_hash(train.thumb[rows])
    best: dict[tuple[int, int], Match] = {}
    for turn, flip in ORIENTATIONS if settings.orientations else [(0, False)]:
        views = oriented(test.thumb[others], turn, flip)
        for i, j, distance in _close(hashes, perceptual_hash(views),
                                     settings.max_distance):
            similarity = _correlation(train.thumb[rows[i]], views[j])
            for k in np.flatnonzero(similarity >= settings.min_correlation):
                pair = int(rows[i[k]]), int(others[j[k]])
                if pair not in best or \
                        best[pair].correlation < similarity[k]:
                    best[pair] = Match(
                        'near', *pair, int(distance[k]),
                        float(similarity[k]), orientation_name(turn, flip))
    yield from best.values()


def _close(first: np.ndarray, second: np.ndarray, limit: int
           ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Indices of close hashes, and their distances, block by block."""
    for start in range(0, len(first), _TRAIN_BLOCK):
        block = first[start:start + _TRAIN_BLOCK]
        for begin in range(0, len(second), _TEST_BLOCK):
            distance = np.bitwise_count(
                block ^ second[begin:begin + _TEST_BLOCK, None])
            close = distance <= limit
            if close.any():
                j, i = np.nonzero(close)
                yield i + start, j + begin, distance[j, i]


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson's, of pairs of thumbnails ``(K, 32, 32)``."""
    a, b = (thumbs.reshape(len(thumbs), -1).astype(np.float32)
            for thumbs in (first, second))
    a -= a.mean(1, keepdims=True)
    b -= b.mean(1, keepdims=True)
    norm = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(1) / np.maximum(norm, 1e-12)


def best_of_images(matches: Iterator[Match], train: PrintTable,
                   test: PrintTable) -> list[Match]:
    """One match for each pair of images: exact before near, whole first."""
    order = ('file', 'pixels', 'near')
    whole = is_whole(train.window), is_whole(test.window)
    best: dict[tuple[int, int], tuple] = {}
    for match in matches:
        pair = int(train.image[match.train]), int(test.image[match.test])
        rank = (order.index(match.kind), not whole[0][match.train],
                not whole[1][match.test], -match.correlation)
        if pair not in best or rank < best[pair][0]:
            best[pair] = rank, match
    return [match for _, match in best.values()]
