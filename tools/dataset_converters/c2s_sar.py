#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""C2S-MS floods: stack the chips of Sentinel-1, draw a split."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import c2s_sar


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('source', help='folder with chips/')
    parser.add_argument('out')
    parser.add_argument('--val-share', type=float, default=0.25,
                        help='share of the floods to test with')
    parser.add_argument('--seed', type=int, default=0, help='of the draw')
    return parser.parse_args()


def main() -> None:
    report, lines = c2s_sar.convert(**vars(parse_args()))
    print(report)
    for name, value in lines.items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
