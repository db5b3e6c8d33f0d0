#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Leakage audit: images per second, and the time of all pairs.

    python benchmarks/leakage.py                    # a CPU, below a minute
    python benchmarks/leakage.py --train 20000 --test 2000

1. Fingerprints of generated JPEG and PNG images of 512 x 512, per core.
2. All pairs of ``--train`` and ``--test`` fingerprints in 8 orientations, with
   planted copies, which must all be found and nothing else.
3. The same by correlating all thumbnails directly, on a smaller set in one
   orientation: the pairs must be the same; printed is the ratio of times.
4. Search for lossless crops at any offset.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from mmeo.datasets.leakage import NearSettings, read_image_set
from mmeo.datasets.leakage.matching import near_matches
from mmeo.datasets.leakage.scan import PrintTable, scan
from mmeo.datasets.leakage.shared_pixels import shared_pixels
from mmeo.utils import device_name


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--train', type=int, default=100_000)
    parser.add_argument('--test', type=int, default=10_000)
    parser.add_argument('--images', type=int, default=200)
    parser.add_argument('--out', help='JSON file of the numbers')
    return parser.parse_args()


def hills(rng: np.random.Generator, side: int) -> np.ndarray:
    """A random smooth picture."""
    coarse = rng.integers(0, 256, (17, 17, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((side, side),
                                                       Image.BICUBIC))
    return (smooth + rng.integers(-9, 10, smooth.shape)).clip(
        0, 255).astype(np.uint8)


def table(thumbs: np.ndarray) -> PrintTable:
    """Prints that hold thumbnails alone."""
    count = len(thumbs)
    return PrintTable(
        np.arange(count), np.zeros((count, 4), np.int32),
        np.array([b''] * count, 'S16'), np.array([b''] * count, 'S16'),
        thumbs, np.full(count, 50, np.float32))


def random_thumbs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Smooth random thumbnails, ``(N, 32, 32)``."""
    coarse = rng.normal(size=(count, 12, 12)).astype(np.float32)
    grid = np.linspace(0, 11, 32)
    low = np.floor(grid).astype(int).clip(max=10)
    weights = np.zeros((32, 12), np.float32)
    weights[np.arange(32), low] = 1 - (grid - low)
    weights[np.arange(32), low + 1] = grid - low
    full = weights @ coarse @ weights.T
    return (128 + 40 * full).clip(0, 255).astype(np.uint8)


def time_files(images: int) -> dict[str, float]:
    """Milliseconds an image, one process."""
    rng, times = np.random.default_rng(0), {}
    for suffix in ('jpg', 'png'):
        with tempfile.TemporaryDirectory() as folder:
            for i in range(images):
                Image.fromarray(hills(rng, 512)).save(
                    Path(folder) / f'{i}.{suffix}')
            found = read_image_set(folder)
            start = time.perf_counter()
            scan(found)
            times[f'fingerprint, {suffix}'] = time.perf_counter() - start
            if suffix == 'png':
                start = time.perf_counter()
                overlaps = list(shared_pixels(found, found))
                times['crops, both sets, png'] = time.perf_counter() - start
                assert {(o.train, o.test) for o in overlaps} == {
                    (i, i) for i in range(images)}
    return {name: 1000 * spent / images for name, spent in times.items()}


def time_pairs(train: int, test: int) -> dict[str, float]:
    """Seconds of all pairs, and that exactly the planted ones are found."""
    rng = np.random.default_rng(1)
    thumbs, queries = random_thumbs(rng, train), random_thumbs(rng, test)
    planted = test // 100
    noise = rng.normal(0, 6, (planted, 32, 32))
    queries[:planted] = (np.rot90(thumbs[:planted], axes=(1, 2)) + noise
                         ).clip(0, 255).astype(np.uint8)
    start = time.perf_counter()
    found = list(near_matches(table(thumbs), table(queries), NearSettings()))
    spent = time.perf_counter() - start
    pairs = {(m.train, m.test) for m in found}
    assert pairs == {(i, i) for i in range(planted)}, len(pairs)
    return {'all pairs, 8 orientations': spent}


def time_direct(train: int, test: int) -> dict[str, float]:
    """Seconds by hash and by correlating everything, one orientation."""
    rng = np.random.default_rng(2)
    thumbs, queries = random_thumbs(rng, train), random_thumbs(rng, test)
    queries[:50] = (thumbs[:50] + rng.normal(0, 6, (50, 32, 32))).clip(
        0, 255).astype(np.uint8)
    settings = NearSettings(orientations=False)
    start = time.perf_counter()
    found = {(m.train, m.test) for m in near_matches(
        table(thumbs), table(queries), settings)}
    hashed = time.perf_counter() - start
    start = time.perf_counter()
    rows = [t.reshape(len(t), -1).astype(np.float32)
            for t in (thumbs, queries)]
    for row in rows:
        row -= row.mean(1, keepdims=True)
        row /= np.linalg.norm(row, axis=1, keepdims=True)
    direct = {(int(i) + begin, int(j)) for begin in range(0, train, 2000)
              for i, j in np.argwhere(rows[0][begin:begin + 2000] @ rows[1].T
                                      >= settings.min_correlation)}
    plain = time.perf_counter() - start
    assert found == direct and len(found) >= 50
    return {'hash first': hashed, 'correlate all': plain,
            'ratio': plain / hashed}


def main() -> None:
    args = parse_args()
    result = dict(machine=device_name('cpu'), numpy=np.__version__,
                  milliseconds_an_image=time_files(args.images),
                  train=args.train, test=args.test,
                  seconds=time_pairs(args.train, args.test),
                  direct=time_direct(20_000, 2_000))
    print(json.dumps(result, indent=2))
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main()
