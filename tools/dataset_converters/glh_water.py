#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""GLH-water: cut the images of 12 800 px into tiles."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import glh_water


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('source', help='folder with train, val, test')
    parser.add_argument('out')
    parser.add_argument('--size', type=int, default=1280,
                        help='side of a tile in pixels; they share nothing')
    parser.add_argument('--splits', nargs='+', default=['val', 'test'],
                        choices=list(glh_water.SPLITS),
                        help='train takes some 60 GB as tiles')
    return parser.parse_args()


def main() -> None:
    for name, value in glh_water.convert(**vars(parse_args())).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
