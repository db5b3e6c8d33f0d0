#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""FloodNet: reduce and check images and labels."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import floodnet


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('source', help='folder with train, val, test')
    parser.add_argument('out')
    parser.add_argument('--factor', type=int, default=4,
                        help='by which sides are divided')
    parser.add_argument('--splits', nargs='+',
                        default=list(floodnet.SPLITS),
                        choices=list(floodnet.SPLITS), help='to convert')
    return parser.parse_args()


def main() -> None:
    for name, value in floodnet.convert(**vars(parse_args())).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
