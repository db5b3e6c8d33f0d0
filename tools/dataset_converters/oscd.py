#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""OSCD: ten bands of each date in one raster, masks, the official split."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import oscd


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='where the three archives were '
                        'unpacked')
    parser.add_argument('out')
    return parser.parse_args()


def main() -> None:
    for name, value in oscd.convert(**vars(parse_args())).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
