#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""SPARCS: check the 80 scenes of Landsat 8 and draw a split."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import sparcs


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('root', help='folder with sending/')
    parser.add_argument('--val-share', type=float, default=0.2,
                        help='share of the scenes to validate with')
    parser.add_argument('--seed', type=int, default=0, help='of the draw')
    return parser.parse_args()


def main() -> None:
    for name, value in sparcs.prepare(**vars(parse_args())).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
