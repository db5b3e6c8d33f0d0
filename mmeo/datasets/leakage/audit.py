# Copyright (c) mmeo contributors. All rights reserved.
"""Do images of a test set occur in a training set?"""

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, Optional

import numpy as np

from mmeo.datasets.leakage.image_set import ImageSet
from mmeo.datasets.leakage.matching import (
    Match,
    NearSettings,
    best_of_images,
    exact_matches,
    near_matches,
)
from mmeo.datasets.leakage.prints import Tiles
from mmeo.datasets.leakage.report import LeakageReport, Pair
from mmeo.datasets.leakage.scan import PrintTable, is_whole, scan
from mmeo.datasets.leakage.shared_pixels import Overlap, shared_pixels


def audit_leakage(train: ImageSet,
                  test: ImageSet,
                  near: Optional[NearSettings] = NearSettings(),
                  tiles: Optional[Tiles] = None,
                  crops: bool = False,
                  workers: int = 1,
                  cache: Optional[Path] = None,
                  progress: Callable[[str, int, int], Any] =
                  lambda name, done, total: None) -> LeakageReport:
    """Compare every image of a training set with every one of a test set.

    Args:
        train (ImageSet): The training set.
        test (ImageSet): The test set.
        near (NearSettings, optional): When images look the same; None
            compares files and pixels only.
        tiles (Tiles, optional): Also compare windows of larger images.
        crops (bool): Also look for images that share pixels, at any offset
            (see :mod:`mmeo.datasets.leakage.shared_pixels`). Defaults to
            False.
        workers (int): Processes. Defaults to 1.
        cache (Path, optional): Folder where fingerprints are kept.
        progress (Callable): Called with the name of the set, images done and
            their number.

    Returns:
        LeakageReport: One entry for each pair of images, the surest kind.
    """
    tables = []
    for name, images in (('train', train), ('test', test)):
        def step(done: int, total: int, name: str = name) -> None:
            progress(name, done, total)
        tables.append(scan(images, tiles, workers, cache, step))
    matches = chain(exact_matches(*tables),
                    near_matches(*tables, near) if near else ())
    pairs = [_pair(match, train, test, *tables)
             for match in best_of_images(matches, *tables)]
    if crops:
        known = {(pair.train_path, pair.test_path) for pair in pairs
                 if pair.kind != 'near'}
        shared = [pair for pair in (
            _shared(overlap, train, test)
            for overlap in shared_pixels(train, test, workers))
            if (pair.train_path, pair.test_path) not in known]
        # Common pixels are surer than a likeness.
        sure = {(pair.train_path, pair.test_path) for pair in shared}
        pairs = [pair for pair in pairs
                 if (pair.train_path, pair.test_path) not in sure] + shared
    order = ('file', 'pixels', 'shared', 'near')
    pairs.sort(key=lambda pair: (order.index(pair.kind), -pair.correlation,
                                 pair.test, pair.train))
    limit = near.min_contrast if near else 0
    return LeakageReport(
        train, test, pairs,
        {images.paths[i]: reason
         for images, table in zip((train, test), tables)
         for i, reason in table.unreadable.items()},
        dict(zip(('train', 'test'), (_flat(t, limit) for t in tables))))


def _flat(table: PrintTable, limit: float) -> int:
    return int(np.sum(is_whole(table.window) & (table.contrast < limit)))


def _pair(match: Match, train: ImageSet, test: ImageSet, prints: PrintTable,
          test_prints: PrintTable) -> Pair:
    i, j = prints.image[match.train], test_prints.image[match.test]
    windows = [None if not row.any() else tuple(map(int, row)) for row in
               (prints.window[match.train], test_prints.window[match.test])]
    return Pair(match.kind, train.names[i], test.names[j], train.paths[i],
                test.paths[j], match.distance, round(match.correlation, 4),
                match.orientation, *windows)


def _shared(overlap: Overlap, train: ImageSet, test: ImageSet) -> Pair:
    return Pair('shared', train.names[overlap.train],
                test.names[overlap.test], train.paths[overlap.train],
                test.paths[overlap.test], offset=overlap.offset,
                share=round(min(overlap.share, 1.0), 3))
