#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""ISPRS Vaihingen: cut the 33 scenes into tiles with class ids."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import vaihingen


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('source', help='where the archives were unpacked')
    parser.add_argument('out')
    parser.add_argument('--size', type=int, default=512,
                        help='side of a training tile in pixels')
    parser.add_argument('--overlap', type=int, default=256,
                        help='pixels that training tiles share')
    parser.add_argument('--labels', choices=list(vaihingen.LABELS),
                        default='all', help='label set')
    return parser.parse_args()


def main() -> None:
    for name, value in vaihingen.convert(**vars(parse_args())).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
