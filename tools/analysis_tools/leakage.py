#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Find images of a test set in a training set.

Writes pairs.jsonl, exclude.txt (training images to leave out, for
``to_instruct.py --exclude``), report.txt and sheet.png.
"""

import argparse
import os
import sys
from pathlib import Path

from mmeo.apis.run import run_main
from mmeo.datasets.leakage import (
    NearSettings,
    Tiles,
    audit_leakage,
    pair_sheet,
    read_image_set,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('train', help='folder, .jsonl, .json (LLaVA list, InternVL meta) or '
        '.txt of image paths')
    add('test', help='the same for the test set')
    add('--out', required=True, type=Path, help='folder to write')
    add('--train-root', help='folder of relative paths of TRAIN')
    add('--test-root', help='folder of relative paths of TEST')
    add('--exact', action='store_true',
        help='compare files and pixels only, not looks')
    add('--upright', action='store_true',
        help='do not look for turned and flipped copies')
    add('--max-distance', type=int, default=12,
        help='bits of 63 that a candidate may differ in (default: 12)')
    add('--min-correlation', type=float, default=0.85,
        help='of 32 x 32 thumbnails; decides what looks the same (default: '
        '0.85)')
    add('--min-contrast', type=float, default=2.0,
        help='leave out images that vary less, in levels of 255 (default: 2)')
    add('--tiles', type=int, nargs=2, metavar=('SIZE', 'STRIDE'),
        help='also compare windows of larger images on this grid')
    add('--crops', action='store_true',
        help='also find lossless crops at any place')
    add('--workers', type=int, default=len(os.sched_getaffinity(0)),
        help='processes (default: one a core)')
    add('--cache', type=Path, help='folder where fingerprints are kept')
    add('--sheet', type=int, default=24,
        help='pairs in the picture; 0 draws none (default: 24)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    near = NearSettings(args.max_distance, args.min_correlation,
                        args.min_contrast, not args.upright).check()
    report = audit_leakage(
        read_image_set(args.train, args.train_root),
        read_image_set(args.test, args.test_root),
        near=None if args.exact else near,
        tiles=Tiles(*args.tiles).check() if args.tiles else None,
        crops=args.crops, workers=args.workers, cache=args.cache,
        progress=_show if sys.stderr.isatty() else _silent)
    report.write(args.out)
    drawn = pair_sheet(report.pairs, args.out / 'sheet.png', args.sheet)
    print(*report.lines(), sep='\n')
    print(f'written to {args.out}: pairs.jsonl, exclude.txt '
          f'({len(report.excluded())} training images), report.txt'
          + (', sheet.png' if drawn else ''))


def _show(name: str, done: int, total: int) -> None:
    if done % 200 == 0 or done == total:
        end = '\n' if done == total else ''
        print(f'\r{name}: {done} of {total}', end=end, file=sys.stderr,
              flush=True)


def _silent(name: str, done: int, total: int) -> None:
    """Files of logs stay short."""


if __name__ == '__main__':
    sys.exit(run_main(main))
