#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""LEVIR-CD: cut the pairs of 1024 px into tiles."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import levircd


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='folder with train, val, test')
    parser.add_argument('out')
    parser.add_argument('--size', type=int, default=256,
                        help='side of a tile in pixels')
    parser.add_argument('--splits', nargs='+',
                        default=['train', 'val', 'test'])
    return parser.parse_args()


def main() -> None:
    for name, value in levircd.convert(**vars(parse_args())).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
