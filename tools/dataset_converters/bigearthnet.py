#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""BigEarthNet v1: stack the bands of each patch, write a table per split.

Run it again after an interruption: rasters that are complete are kept.
"""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters.bigearthnet import convert


def split(text: str) -> tuple[str, str]:
    """Parse 'train=FILE'."""
    name, _, path = text.partition('=')
    if not name or not path:
        raise argparse.ArgumentTypeError(f'{text!r} is not NAME=FILE')
    return name, path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('s2_root', help='BigEarthNet-v1.0')
    parser.add_argument('out')
    parser.add_argument('--splits', nargs='+', type=split, required=True,
                        metavar='NAME=FILE', help='official lists, e.g. '
                        'train=splits/train.csv val=... test=...')
    parser.add_argument('--s1-root', help='BigEarthNet-S1-v1.0')
    parser.add_argument('--pairs', help='s1s2_mapping.csv, where the lists '
                        'do not name the Sentinel-1 patches')
    parser.add_argument('--exclude', nargs='+', default=(), metavar='FILE',
                        help='lists of patches to leave out (snow, clouds)')
    parser.add_argument('--partial', action='store_true', dest='partial_ok',
                        help='leave out, and count, patches that are absent')
    parser.add_argument('--resampling', default='bilinear',
                        choices=('nearest', 'bilinear', 'cubic'),
                        help='of the 20 m bands to 10 m')
    parser.add_argument('--workers', type=int, default=1)
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    args['splits'] = dict(args['splits'])
    print(convert(**args))


if __name__ == '__main__':
    sys.exit(run_main(main))
