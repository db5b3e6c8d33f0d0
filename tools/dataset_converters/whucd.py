#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""WHU-CD: cut the two large aerial images into tiles."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import whucd


def share(text: str) -> tuple[str, float]:
    """Parse 'train=0.8'."""
    name, _, value = text.partition('=')
    return name, float(value)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('before', help='GeoTIFF of 2012')
    parser.add_argument('after', help='GeoTIFF of 2016')
    parser.add_argument('mask', help='GeoTIFF of the change label')
    parser.add_argument('out')
    parser.add_argument('--splits', nargs='+', type=share, required=True,
                        metavar='NAME=SHARE', help='e.g. train=1, or '
                        'train=0.8 val=0.1 test=0.1')
    parser.add_argument('--size', type=int, default=256,
                        help='side of a tile in pixels')
    parser.add_argument('--seed', type=int, default=0, help='of the draw')
    parser.add_argument('--name', default='whucd',
                        help="in front of the tiles' names; one per area")
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    args['splits'] = dict(args['splits'])
    for name, value in whucd.convert(**args).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
